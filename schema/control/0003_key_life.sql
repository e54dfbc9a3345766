-- Keys that come from the tenant, keys that are destroyed for good, and rows that come under new ones.

-- A fresh key pair, to which a tenant seals the key that it brings; used once, or not at all.
create table control.key_import (
    id uuid primary key,
    tenant_id uuid not null references control.tenant (id),
    algorithm text not null,
    public_key bytea not null,
    private_sealed bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
);

-- Signs receipts. Public keys stay, so that old receipts can be verified.
create table control.receipt_key (
    version int primary key check (version > 0),
    public_key bytea not null,
    private_sealed bytea not null,
    created_at timestamptz not null default now()
);

-- Asked for by one, done by another. The receipt outlives the keys.
create table control.key_destruction (
    id uuid primary key,
    tenant_id uuid not null references control.tenant (id),
    requested_by text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    confirmed_by text,
    confirmed_at timestamptz,
    receipt text,
    receipt_key int references control.receipt_key (version),
    ecdsa_p256 bytea,
    ml_dsa_65 bytea,
    no_ml_dsa_65 text,
    check (confirmed_by is null or confirmed_by <> requested_by),
    check ((confirmed_at is null) = (receipt is null))
);
create unique index key_destruction_open on control.key_destruction (tenant_id) where confirmed_at is null;

-- How far the background is with bringing a tenant's rows under its current keys.
create table control.key_rewrite (
    tenant_id uuid not null references control.tenant (id),
    epoch int not null,
    index_version int not null,
    entity text not null,
    -- Where the next batch begins; null at the beginning of a walk.
    position uuid,
    seen bigint not null default 0,
    rewritten bigint not null default 0,
    -- Rows of this walk that were or had to be rewritten: a walk that ends with none of them is the last.
    stale bigint not null default 0,
    begun_at timestamptz not null,
    finished_at timestamptz,
    primary key (tenant_id, epoch, index_version, entity)
);
