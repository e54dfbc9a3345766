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
    -- The person that the answer is about, where the person has a key: the answer goes with it.
    subject uuid,
    created_at timestamptz not null default now(),
    primary key (tenant_id, actor, route, key)
);
create index idempotency_subject on {core}.idempotency (tenant_id, subject);

-- Keys of persons, wrapped under the tenant's subject key. Erased, a row keeps the proof and loses the key.
create table {core}.subject_key (
    tenant_id uuid not null,
    subject uuid not null,
    entity text not null,
    wrapped bytea,
    created_at timestamptz not null default now(),
    erased_at timestamptz,
    erased_by text,
    -- Version of the tenant's subject key that wrapped it last: as long as that lives, a backup of this table opens.
    erased_version bigint,
    -- What became unreadable: canonical JSON, as the receipt has it.
    unreadable text,
    receipt text,
    receipt_key bigint,
    ecdsa_p256 bytea,
    ml_dsa_65 bytea,
    no_ml_dsa_65 text,
    primary key (tenant_id, subject),
    check ((wrapped is null) = (erased_at is not null))
);
create index subject_key_uncertified on {core}.subject_key (tenant_id, subject) where erased_at is not null and receipt is null;

create table {core}.audit_entry (
    tenant_id uuid not null,
    -- Version 7 of the instant in "at": entries lie in order of time, and a time is a range of ids.
    id uuid not null,
    -- Of the cluster that it was written in: a constant, which is changed where the database comes into another one.
    epoch int not null default 1,
    -- The sealer takes only what lies below the snapshot horizon.
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null,
    actor text not null,
    -- In the order of bytes, so that a prefix is a range; texts of another order are not leakproof to compare.
    action text collate "C" not null,
    entity text,
    result text not null,
    -- The record of an act on one; several stand in audit_record.
    record uuid,
    -- Beside the body, and in the leaf: what the entry commits to can be shown without it. Canonical JSON, empty when there is none.
    commitments text not null default '',
    body text not null,
    -- That the platform wrote it, under a key that the database does not know: the sealer takes no other (src/Kernel/Audit/EntryMacs.cs).
    mac bytea not null default '',
    primary key (tenant_id, id)
);

-- What opens commitments of entries: values and blindings, sealed under the tenant's keys.
create table {core}.audit_opening (
    tenant_id uuid not null,
    id uuid not null,
    _sealed_secret bytea,
    primary key (tenant_id, id)
);

-- What discloses values of entries: salts and values, sealed under the tenant's keys, and those of the person that the record is about.
create table {core}.audit_disclosure (
    tenant_id uuid not null,
    id uuid not null,
    _subject uuid,
    -- Null when that person's key is gone.
    _sealed_secret bytea,
    primary key (tenant_id, id)
);

create index audit_disclosure_subject on {core}.audit_disclosure (tenant_id, _subject) where _subject is not null;

-- In the order of commitment, as the sealer takes them.
create index audit_entry_order on {core}.audit_entry (tenant_id, epoch, xid, id);
-- For who searches: each ends in the id, so that a page is read in its order and goes on where the last one ended.
create index audit_entry_action on {core}.audit_entry (tenant_id, action, id);
create index audit_entry_actor on {core}.audit_entry (tenant_id, actor, id);
create index audit_entry_entity on {core}.audit_entry (tenant_id, entity, id) where entity is not null;
create index audit_entry_record on {core}.audit_entry (tenant_id, record, id) where record is not null;
create index audit_entry_denied on {core}.audit_entry (tenant_id, id) where result = 'denied';

-- The records of an act that touched several one by one: a page that was shown.
create table {core}.audit_record (
    tenant_id uuid not null,
    record uuid not null,
    entry_id uuid not null,
    primary key (tenant_id, record, entry_id)
);

-- The tenant's log, grown by the sealer under its own role. Everything of the tree is in the tiles; see docs/formats/audit-log.md.
create table {core}.audit_tree (
    tenant_id uuid primary key,
    size bigint not null check (size >= 0),
    -- The last entry that was taken.
    cursor_epoch int not null,
    cursor_xid xid8 not null,
    cursor_id uuid not null,
    frontier bytea not null,
    checkpoint text not null,
    sealed_at timestamptz not null
);

create table {core}.audit_leaf (
    tenant_id uuid not null,
    position bigint not null,
    entry_id uuid not null,
    primary key (tenant_id, position),
    unique (tenant_id, entry_id)
);

create table {core}.audit_tile (
    tenant_id uuid not null,
    level int not null,
    index bigint not null,
    hashes bytea not null,
    primary key (tenant_id, level, index)
);

-- For the sealer, which asks for many tenants at once: in whose log there is something to do. It acts with the rights of who calls it,
-- presents one capability after the other, and answers their numbers: it shows nothing that each of them would not show alone. One that is
-- refused is answered as well, and who then seals that log hears why. Also one is answered whose first unsealed entry is from before a time,
-- since when: whether it can be sealed or not.
create function {core}.audit_waiting(tokens uuid[], heads bigint[], late timestamptz)
returns table (number int, unsealed boolean, size bigint, since timestamptz)
language plpgsql volatile parallel unsafe set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
    horizon constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
    future constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
    now_epoch constant int := (select c.epoch from guard.cluster c);
    cursor_epoch int;
    cursor_xid xid8;
    cursor_id uuid;
begin
    for i in 1 .. cardinality(tokens) loop
        begin
            perform set_config('bulkhead.capability', tokens[i]::text, true);
            select a.size, a.cursor_epoch, a.cursor_xid, a.cursor_id into size, cursor_epoch, cursor_xid, cursor_id
            from {core}.audit_tree a;
            if size is null then
                size := 0;
                cursor_epoch := 0;
                cursor_xid := '0';
                cursor_id := '00000000-0000-0000-0000-000000000000';
            end if;
            -- The first is in order the one that can be sealed before all others.
            select e.at, e.epoch < now_epoch or e.xid < horizon into since, unsealed from {core}.audit_entry e
            where (e.epoch, e.xid, e.id) > (cursor_epoch, cursor_xid, cursor_id) order by e.epoch, e.xid, e.id limit 1;
            -- No clock is so far ahead: somebody put it there, so that it would not be missed.
            since := case when since > clock_timestamp() + interval '1 hour' then 'epoch' else since end;
            -- Something that was taken in the future is for who seals it to refuse.
            unsealed := (cursor_epoch = now_epoch and cursor_xid >= future) or coalesce(unsealed, false);
        exception when sqlstate 'BH001' then
            size := 0;
            unsealed := true;
            since := null;
        end;
        if unsealed or size > heads[i] or since < late then
            number := i;
            return next;
        end if;
    end loop;
end
$$;
revoke all on function {core}.audit_waiting(uuid[], bigint[], timestamptz) from public;

-- Where the log is streamed to: the tenant's own collectors. What was acknowledged is kept by the worker, under the sealer's role.
create table {core}.audit_stream (
    tenant_id uuid not null,
    name text not null,
    kind text not null check (kind in ('syslog', 'https')),
    url text not null,
    format text not null,
    -- PEM of the authority that vouches for the collector; null for those of the system.
    authority text,
    -- Signs batches; sealed under the installation's key, so that the switch of the tenant's keys silences no stream.
    secret_sealed bytea,
    from_position bigint not null check (from_position >= 0),
    created_at timestamptz not null,
    created_by text not null,
    primary key (tenant_id, name)
);

create table {core}.audit_stream_state (
    tenant_id uuid not null,
    name text not null,
    -- The first position that the collector has not acknowledged.
    next_position bigint not null,
    acknowledged_at timestamptz,
    failures bigint not null default 0,
    fault text,
    failed_at timestamptz,
    -- Not tried before.
    next_at timestamptz not null,
    primary key (tenant_id, name)
);

-- What is left of entries whose time has passed: what the leaf is made of, so that every proof goes on to hold.
create table {core}.audit_expired (
    tenant_id uuid not null,
    position bigint not null,
    digest bytea not null check (length(digest) = 32),
    commitments text not null,
    expired_at timestamptz not null,
    primary key (tenant_id, position)
);

-- How long the tenant keeps entries; without a row, for ever.
create table {core}.audit_retention (
    tenant_id uuid primary key,
    keep_days bigint not null check (keep_days > 0),
    changed_at timestamptz not null,
    changed_by text not null,
    changed_by_kind text not null check (changed_by_kind in ('service', 'user')),
    -- Written by whoever removes entries: a hold that is being placed waits for the row, and they for it.
    expiring_at timestamptz
);

create table {core}.audit_retention_state (
    tenant_id uuid primary key,
    -- All before it is expired, or was held when the walk came by.
    next_position bigint not null,
    -- The last change of retention and holds that the walk knows of: after another it begins anew.
    seen timestamptz not null,
    walked_at timestamptz not null
);

-- What is under it does not expire. Each condition that is null is met by every entry.
create table {core}.audit_hold (
    tenant_id uuid not null,
    id uuid not null,
    reason text not null,
    record uuid,
    actor text,
    begins_at timestamptz,
    ends_at timestamptz,
    placed_at timestamptz not null,
    placed_by text not null,
    lifted_at timestamptz,
    lifted_by text,
    lift_reason text,
    primary key (tenant_id, id)
);
