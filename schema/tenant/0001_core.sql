-- The platform's tables of a tenant, the same in all three isolations. {core} is the unit's core schema.
-- Policies, FORCE and statistics are added by the kernel to every table that is found here.
create table {core}.service_account (
    tenant_id uuid not null,
    client_id text not null,
    secret_digest bytea not null,
    roles text[] not null,
    description text not null,
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    primary key (tenant_id, client_id)
);

create table {core}.idempotency (
    tenant_id uuid not null,
    actor text not null,
    route text not null,
    key text not null,
    request_digest bytea not null,
    status bigint not null,
    answer bytea not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, actor, route, key)
);

create table {core}.audit_entry (
    tenant_id uuid not null,
    id uuid not null,
    -- The sealer takes only what lies below the snapshot horizon.
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null,
    actor text not null,
    action text not null,
    entity text,
    result text not null,
    body text not null,
    primary key (tenant_id, id)
);
