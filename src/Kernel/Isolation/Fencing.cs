using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Takes a tenant's capability away, and gives a new one. The fence is complete only when no transaction is left that began before it:
/// such a one may still see the row that was deleted.
/// </summary>
internal sealed class Fencing(
    KernelOptions options, DeployerConnections deployer, Sealing sealing, Catalogue catalogue, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public async Task RaiseAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await OpenControlAsync(cancellationToken);
        var unit = Home(tenant);
        await using (var transaction = await control.BeginTransactionAsync(cancellationToken))
        {
            await control.RunAsync(
                "update control.tenant set status = 'suspended', epoch = epoch + 1 where id = $1 and status = 'active'",
                cancellationToken, tenant.Value);
            await RecordAsync(control, actor, requestId, tenant, "tenant.suspend", cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        await using (var removal = await inside.BeginTransactionAsync(cancellationToken))
        {
            await Capability.PutAsync(inside, tenant, 0, token: null, dataOpen: false, cancellationToken);
            await removal.CommitAsync(cancellationToken);
        }

        await DrainAsync(inside, cancellationToken);
        await catalogue.RefreshAsync(cancellationToken);
    }

    public async Task LiftAsync(Actor actor, string requestId, TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await OpenControlAsync(cancellationToken);
        var unit = Home(tenant);
        var generation = 1 + await control.ScalarAsync<int>(
            "select coalesce(max(generation), 0) from control.capability where tenant_id = $1", cancellationToken, tenant.Value);
        var token = Capability.Create();
        // Held by whoever withdraws or restores the tenant's keys too: a new capability must not open what the tenant has closed.
        await control.RunAsync("select pg_advisory_lock(hashtextextended($1, $2))", cancellationToken, tenant.ToString(), (long)TenantLock.Switch);
        var isRevoked = await control.ScalarAsync<bool>(
            "select exists (select 1 from control.key_revocation where tenant_id = $1)", cancellationToken, tenant.Value);
        await using (var inside = await deployer.OpenAsync(unit.Database, cancellationToken))
        {
            // In place of whatever is there: an older token must not live on, and a call that was killed half-way can be repeated.
            await using var swap = await inside.BeginTransactionAsync(cancellationToken);
            await Capability.PutAsync(inside, tenant, generation, token, dataOpen: !isRevoked, cancellationToken);
            await swap.CommitAsync(cancellationToken);
        }

        await using (var transaction = await control.BeginTransactionAsync(cancellationToken))
        {
            await control.RunAsync("delete from control.capability where tenant_id = $1", cancellationToken, tenant.Value);
            await control.RunAsync(
                "insert into control.capability (tenant_id, generation, token_sealed) values ($1, $2, $3)",
                cancellationToken, tenant.Value, generation, Capability.Seal(sealing, tenant, generation, token));
            await control.RunAsync(
                "update control.tenant set status = 'active' where id = $1 and status = 'suspended'", cancellationToken, tenant.Value);
            await RecordAsync(control, actor, requestId, tenant, "tenant.resume", cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await catalogue.RefreshAsync(cancellationToken);
    }

    private async Task DrainAsync(NpgsqlConnection inside, CancellationToken cancellationToken)
    {
        const string older = """
            from pg_catalog.pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and usename <> current_user
              and xact_start <= $1
            """;

        // A deployer without pg_read_all_stats sees that there are sessions, and not what they do.
        const string hidden = """
            select count(*) from pg_catalog.pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and usename <> current_user and state is null
            """;
        var fence = await inside.ScalarAsync<DateTime>("select clock_timestamp()", cancellationToken);
        var started = time.GetTimestamp();
        while (await inside.ScalarAsync<long>($"select count(*) {older}", cancellationToken, fence) > 0
            || await inside.ScalarAsync<long>(hidden, cancellationToken) > 0)
        {
            if (time.GetElapsedTime(started) > Patience)
            {
                if (await inside.ScalarAsync<long>(hidden, cancellationToken) > 0)
                {
                    // Longer than the time-outs leave any transaction of ours alive; status says that it was not seen.
                    return;
                }

                await inside.RunAsync($"select pg_terminate_backend(pid) {older}", cancellationToken, fence);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
        }
    }

    private Task RecordAsync(
        NpgsqlConnection control, Actor actor, string requestId, TenantId tenant, string action, CancellationToken cancellationToken) =>
        InstallationLog.AppendAsync(
            control,
            actor,
            requestId,
            new AuditEvent(action) { Details = AuditDetails.Of(("tenant", tenant.ToString())) },
            time.GetUtcNow(),
            cancellationToken);

    private Unit Home(TenantId tenant) => catalogue.Current.Tenants.TryGetValue(tenant, out var entry)
        ? entry.Placement.Unit
        : throw new TenantFault(TenantFaultKind.Unknown);

    private Task<NpgsqlConnection> OpenControlAsync(CancellationToken cancellationToken) =>
        deployer.OpenAsync(new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead", cancellationToken);
}
