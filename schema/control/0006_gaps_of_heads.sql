-- The log of heads belongs to no tenant: what does not hold of it, and no row says whose it is, has the tenant zero.
alter table control.audit_gap drop constraint audit_gap_tenant_id_fkey;
