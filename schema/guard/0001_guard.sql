-- What decides, in every database that holds tenants' rows, whose rows a transaction sees.
create schema guard;

-- Which database this is: a pool that was handed out for another one is noticed when it connects.
create table guard.marker (
    singleton boolean primary key default true check (singleton),
    database text not null
);

-- Transaction ids begin anew in another cluster, and the order of audit entries with them: each cluster that this database has lived in is
-- an epoch of its own, the later the higher.
create table guard.cluster (
    singleton boolean primary key default true check (singleton),
    epoch int not null check (epoch > 0),
    -- The cluster's own identifier.
    system bigint not null
);

create table guard.capability (
    digest bytea primary key,
    tenant_id uuid not null,
    generation int not null,
    -- False while the tenant has withdrawn its keys: its people still sign in and read the log, the app's tables are closed.
    data_open boolean not null default true,
    unique (tenant_id, generation)
);
-- The planner reads histograms through row-level security: with statistics, digests and tenants could be guessed.
alter table guard.capability alter column digest set statistics 0;
alter table guard.capability alter column tenant_id set statistics 0;
alter table guard.capability alter column generation set statistics 0;
alter table guard.capability alter column data_open set statistics 0;
alter table guard.capability enable row level security;
alter table guard.capability force row level security;

-- An unset or empty setting raises here, by the cast: it must never read as "no rows".
-- The sub-select is evaluated once, whatever the plan: a scan would otherwise hash the token again for every row.
create policy presented on guard.capability for select to public
    using (digest = (select sha256(uuid_send(current_setting('bulkhead.capability')::uuid))));

-- Under FORCE the owner is bound too, and it alone writes here: while it says so, and otherwise it sees what it presented, like
-- everybody. No role that serves is ever the owner: the program refuses to.
create policy deployer on guard.capability for all to current_user
    using (current_setting('bulkhead.keeping', true) = 'on') with check (current_setting('bulkhead.keeping', true) = 'on');

-- Raising from within the policy: a stale capability is an error, an empty answer would be taken for an empty tenant.
create function guard.refuse() returns uuid language plpgsql volatile parallel unsafe as $$
begin
    raise exception using errcode = 'BH001', message = 'the capability was refused';
end
$$;

-- For the app's tables: tells a tenant whose keys are withdrawn from one that is not here at all.
create function guard.refuse_data() returns uuid language plpgsql volatile parallel unsafe as $$
begin
    if exists (select 1 from guard.capability c where not c.data_open) then
        raise exception using errcode = 'BH003', message = 'the tenant has withdrawn its keys';
    end if;
    return guard.refuse();
end
$$;

-- The units of this database and what is installed in them; written in the transaction that installs it.
create table guard.unit (
    name text primary key,
    app_version int not null,
    core_version int not null
);

create function guard.refuse_ddl() returns event_trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select 1 from pg_catalog.pg_auth_members m
        join pg_catalog.pg_roles g on g.oid = m.roleid
        join pg_catalog.pg_roles r on r.oid = m.member
        where r.rolname = session_user and g.rolname like '%\_tenants')
    then
        raise exception using errcode = 'BH002', message = 'this role defines nothing';
    end if;
end
$$;

revoke all on schema guard from public;
revoke all on all tables in schema guard from public;
revoke all on all functions in schema guard from public;
