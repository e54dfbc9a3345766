-- Keys, all wrapped: what opens them is in the key store and never here. Deleting a row here is how a key dies; see docs/keys.md.

-- A root lives in the key store for one epoch. When the next one wraps everything, it is destroyed with the last backup that needs it.
create table control.key_root (
    root int primary key check (root > 0),
    store text not null check (store in ('file', 'pkcs11')),
    created_at timestamptz not null default now(),
    retired_at timestamptz,
    destroy_after timestamptz,
    destroyed_at timestamptz
);

-- Seals what is the installation's own: capabilities, database passwords, signing keys, cursors.
create table control.installation_key (
    version int primary key check (version > 0),
    root int not null references control.key_root (root),
    wrapped bytea not null,
    -- HMAC under the key: AES-GCM does not commit to its key.
    commitment bytea not null,
    created_at timestamptz not null default now()
);

-- A tenant that holds its key itself: where its service is, whom we trust to be it, and what we present there.
create table control.held_key_service (
    tenant_id uuid primary key references control.tenant (id),
    url text not null,
    server_ca text not null,
    client_certificate text not null,
    -- Sealed, and bound to all the rest of the registration: who changes a key or an address here changes what opens this.
    client_key_sealed bytea not null,
    created_at timestamptz not null
);

-- Public keys of the service; new keys are wrapped under the highest.
create table control.held_key_root (
    tenant_id uuid not null references control.held_key_service (tenant_id),
    root int not null check (root > 0),
    public_key text not null,
    primary key (tenant_id, root)
);

create table control.tenant_key (
    tenant_id uuid not null references control.tenant (id),
    purpose text not null check (purpose in ('data', 'index', 'subject')),
    version int not null check (version > 0),
    -- A root of ours, or one of the tenant's own service.
    root int references control.key_root (root),
    held_root int,
    wrapped bytea not null,
    commitment bytea not null,
    created_at timestamptz not null default now(),
    -- Used only from here on: by then every process knows it.
    active_at timestamptz not null,
    primary key (tenant_id, purpose, version),
    foreign key (tenant_id, held_root) references control.held_key_root (tenant_id, root),
    check ((root is null) <> (held_root is null))
);

-- Wrapped under the tenant's data key; keys of entities are derived from it.
create table control.data_key (
    tenant_id uuid not null references control.tenant (id),
    epoch int not null check (epoch > 0),
    tenant_key_version int not null,
    wrapped bytea not null,
    commitment bytea not null,
    created_at timestamptz not null default now(),
    active_at timestamptz not null,
    primary key (tenant_id, epoch)
);

-- The tenant's own switch: with a row here nothing of its data is read or written.
create table control.key_revocation (
    tenant_id uuid primary key references control.tenant (id),
    actor text not null,
    at timestamptz not null default now()
);

create trigger raises_generation after insert or update or delete on control.key_root
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.installation_key
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.held_key_service
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.held_key_root
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.tenant_key
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.data_key
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.key_revocation
    for each statement execute function control.raise_generation();
