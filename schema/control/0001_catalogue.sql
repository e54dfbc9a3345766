-- The catalogue: which tenants and apps there are and where they live. No personal data, no open secret.
create schema control;

create table control.installation (
    singleton boolean primary key default true check (singleton),
    generation bigint not null default 1,
    -- In the origin of the log of heads; see docs/formats/audit-log.md.
    id uuid not null default gen_random_uuid(),
    created_at timestamptz not null default now()
);

create table control.cell (
    id uuid primary key,
    database text not null unique,
    created_at timestamptz not null default now()
);

create table control.login (
    database text primary key,
    role text not null unique,
    password_sealed bytea not null,
    -- Digest of the hardening that the database has had.
    hardening bytea not null
);

create table control.app (
    name text primary key,
    created_at timestamptz not null default now()
);

create table control.app_release (
    app text not null references control.app (name),
    version int not null check (version > 0),
    manifest text not null,
    digest bytea not null,
    deployed_at timestamptz,
    primary key (app, version)
);

create table control.unit (
    name text primary key check (name ~ '^u_[0-9a-z]{20}$'),
    cell uuid not null references control.cell (id),
    isolation text not null check (isolation in ('shared', 'schema', 'database')),
    database text not null,
    app text not null references control.app (name)
);
create unique index unit_shared_once on control.unit (cell, app) where isolation = 'shared';

create table control.tenant (
    id uuid primary key,
    slug text not null unique,
    name text not null,
    status text not null check (status in ('preparing', 'active', 'suspended')),
    unit text not null references control.unit (name),
    app text not null,
    app_version int not null,
    epoch int not null default 1,
    created_at timestamptz not null default now(),
    foreign key (app, app_version) references control.app_release (app, version)
);

create table control.tenant_host (
    host text primary key check (host = lower(host)),
    tenant_id uuid not null references control.tenant (id)
);

create table control.capability (
    tenant_id uuid not null references control.tenant (id),
    generation int not null,
    token_sealed bytea not null,
    primary key (tenant_id, generation)
);

create table control.signing_key (
    -- Null is the operator's issuer.
    tenant_id uuid references control.tenant (id),
    kid text primary key,
    public_jwk text not null,
    private_sealed bytea not null,
    created_at timestamptz not null default now()
);

create table control.operator_account (
    client_id text primary key,
    secret_digest bytea not null,
    disabled_at timestamptz
);

-- The installation's own log: what operators did. A tenant's acts are in the tenant's log.
create table control.audit_entry (
    id uuid primary key,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null,
    actor text not null,
    action text not null,
    result text not null,
    body text not null
);

create table control.residual (
    database text not null,
    item text not null,
    reason text not null,
    primary key (database, item)
);

create function control.raise_generation() returns trigger language plpgsql as $$
begin
    update control.installation set generation = generation + 1;
    return null;
end
$$;

create trigger raises_generation after insert or update or delete on control.tenant
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.tenant_host
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.capability
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.signing_key
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.app_release
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.unit
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.login
    for each statement execute function control.raise_generation();
create trigger raises_generation after insert or update or delete on control.operator_account
    for each statement execute function control.raise_generation();
