-- The logs' keys, and the log of all tenants' heads; see docs/formats/audit-log.md. Written by the sealer under a role of its own.

-- Signs checkpoints. Null is the log of heads. Hangs on the installation's key and never on a tenant's: the switch silences no log.
create table control.log_key (
    tenant_id uuid references control.tenant (id),
    public_key bytea not null,
    private_sealed bytea not null,
    -- Says of an entry that the platform wrote it; a tenant's log has one.
    entry_key_sealed bytea check ((entry_key_sealed is null) = (tenant_id is null)),
    created_at timestamptz not null default now()
);
create unique index log_key_once on control.log_key (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'::uuid));

-- The role under which the sealer logs in, here and wherever tenants' rows are.
create table control.sealer_login (
    singleton boolean primary key default true check (singleton),
    role text not null,
    password_sealed bytea not null
);

create table control.head_tree (
    singleton boolean primary key default true check (singleton),
    size bigint not null,
    frontier bytea not null,
    note text not null
);

create table control.head (
    position bigint primary key,
    tenant_id uuid not null references control.tenant (id),
    size bigint not null,
    leaf bytea not null check (length(leaf) = 80),
    -- The tenant's checkpoint itself.
    note text not null
);
create index head_of_tenant on control.head (tenant_id, position);
-- For the sweep, which compares every head with the log that it is of.
create index head_of_size on control.head (tenant_id, size);

create table control.head_tile (
    level int not null,
    index bigint not null,
    hashes bytea not null,
    primary key (level, index)
);

-- Other installations, or anybody who speaks tlog-witness.
create table control.witness (
    name text primary key,
    vkey text not null unique,
    url text not null,
    added_at timestamptz not null default now()
);

-- Checkpoints of the log of heads that witnesses signed, as the log signed them.
create table control.cosigned (
    size bigint primary key,
    note text not null
);

-- The largest size of a witness is the one that it knows, which the next request must begin from.
create table control.cosignature (
    witness text not null references control.witness (name) on delete cascade,
    size bigint not null references control.cosigned (size),
    -- The line of the note, as the witness gave it.
    line text not null,
    primary key (witness, size)
);

-- Work that one process of the installation does at a time; until is by this database's clock.
create table control.duty (
    name text primary key,
    holder uuid not null,
    until timestamptz not null
);

-- What the sweep found of logs that do not hold. Resolved only by a whole walk that no longer finds it.
create table control.audit_gap (
    tenant_id uuid not null references control.tenant (id),
    kind text not null,
    from_position bigint not null,
    to_position bigint not null,
    -- Of an entry that has no position; otherwise zero.
    entry_id uuid not null,
    found_at timestamptz not null,
    seen_at timestamptz not null,
    -- The tenant's own log tells of it.
    recorded boolean not null default false,
    resolved_at timestamptz,
    primary key (tenant_id, kind, from_position, to_position, entry_id)
);

-- The last whole walk over each log.
create table control.audit_sweep (
    tenant_id uuid primary key references control.tenant (id),
    size bigint not null,
    at timestamptz not null
);

create trigger raises_generation after insert or update or delete on control.log_key
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.sealer_login
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.witness
    for each statement execute function control.raise_generation();
