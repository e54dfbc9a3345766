using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Audit;

/// <summary>A logical backup in another cluster, where transaction ids begin anew: the logs go on where they were.</summary>
public sealed class RestoredTests
{
    [Fact]
    public async Task What_is_written_after_a_restore_into_a_new_cluster_is_sealed_after_all_that_was_there()
    {
        await using var old = await PostgresCluster.StartAsync("fsync = off");
        await using var before = await Installation.CreateAsync(old, "bulkhead");
        var tenants = new List<Tenant>();
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            tenants.Add(await before.OnboardAsync($"t-{kind.Word()}", kind));
        }

        // The new cluster must not come so far by restoring alone.
        await using (var owner = await before.AsDeployerAsync("postgres"))
        {
            await owner.RunAsync("do $$ begin for i in 1 .. 100000 loop perform pg_current_xact_id(); commit; end loop; end $$", default);
        }

        foreach (var tenant in tenants)
        {
            await tenant.AddPatientAsync(Guid.CreateVersion7());
        }

        await SettleAsync(before, tenants);
        foreach (var tenant in tenants)
        {
            // Not sealed before the backup: of the old cluster's order all the same.
            await tenant.AddPatientAsync(Guid.CreateVersion7());
        }

        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await old.RestoreIntoAsync(cluster);
        await using var after = Installation.Open(cluster, "bulkhead", o => o with { KeyDirectory = before.Options.KeyDirectory });
        await after.Start.CheckAsync(default);
        var restored = tenants.ConvertAll(tenant => new Tenant(after, tenant.Id));
        foreach (var tenant in restored)
        {
            // Nobody has noticed yet: it is refused and told, as it is seen that something waits for it.
            Assert.Contains(await WaitingAsync(tenant), found => found.Unsealed);
            var refusal = await Assert.ThrowsAsync<InvalidOperationException>(
                () => after.Service<AuditSealer>().SealAsync(tenant.Entry, default));
            Assert.Contains("another cluster", refusal.Message, StringComparison.Ordinal);
        }

        await GapsAreNotWrittenAsync(restored[0]);
        await after.Deployment.PrepareAsync(null, default);
        var late = await after.OnboardAsync("t-late", IsolationKind.Schema);
        foreach (var tenant in restored)
        {
            await tenant.AddPatientAsync(Guid.CreateVersion7());
        }

        await SettleAsync(after, [.. restored, late]);
        foreach (var tenant in restored)
        {
            var positions = await PositionsAsync(tenant);
            Assert.Equal(2, positions[^1].Epoch);
            Assert.All(positions.SkipLast(1), p => Assert.Equal(1, p.Epoch));
            // Or the test would have shown nothing.
            Assert.True(positions[^1].Xid < positions[^2].Xid);
            Assert.Empty((await after.Service<LogSweep>().RunAsync(tenant.Entry, _ => Task.CompletedTask, default)).Gaps);
        }

        // A unit that is made in the new cluster begins in its epoch, and preparing again raises nothing.
        await after.Deployment.PrepareAsync(null, default);
        await late.AddPatientAsync(Guid.CreateVersion7());
        await SettleAsync(after, [late]);
        Assert.All(await PositionsAsync(late), p => Assert.Equal(2, p.Epoch));
    }

    /// <summary>The entry that tells of a gap would lie before what was sealed: a gap, of which the next entry tells, and so on.</summary>
    private static async Task GapsAreNotWrittenAsync(Tenant tenant)
    {
        await using var owner = await tenant.Installation.AsDeployerAsync(tenant.Unit.Database);
        var core = tenant.Unit.CoreSchema.Quoted;
        var of = $"tenant_id = $1 and id = (select entry_id from {core}.audit_leaf where tenant_id = $1 and position = 0)";
        await owner.RunAsync($"update {core}.audit_entry set actor = actor || 'x' where {of}", default, tenant.Id.Value);
        var before = await CountAsync();
        await tenant.Installation.Service<AuditSweeping>().SweepAsync(default);
        Assert.Contains(
            await tenant.Installation.Service<AuditGaps>().OpenAsync(default), g => g.Tenant == tenant.Id && g.Kind == "index-changed");
        Assert.Equal(before, await CountAsync());
        await owner.RunAsync($"update {core}.audit_entry set actor = left(actor, -1) where {of}", default, tenant.Id.Value);

        Task<long> CountAsync() =>
            owner.ScalarAsync<long>($"select count(*) from {core}.audit_entry where tenant_id = $1", default, tenant.Id.Value);
    }

    /// <summary>Until every entry has a position.</summary>
    private static async Task SettleAsync(Installation installation, List<Tenant> tenants)
    {
        for (var i = 0; ; i++)
        {
            await installation.Service<AuditSealing>().SealAsync(default);
            var left = 0L;
            foreach (var tenant in tenants)
            {
                await using var owner = await installation.AsDeployerAsync(tenant.Unit.Database);
                var core = tenant.Unit.CoreSchema.Quoted;
                left += await owner.ScalarAsync<long>(
                    $"""
                    select count(*) from {core}.audit_entry e where tenant_id = $1
                      and not exists (select 1 from {core}.audit_leaf l where l.tenant_id = e.tenant_id and l.entry_id = e.id)
                    """,
                    default, tenant.Id.Value);
            }

            if (left == 0)
            {
                return;
            }

            Assert.True(i < 100, $"{left} entries are not sealed");
            await Task.Delay(20);
        }
    }

    private static Task<List<WaitingLog>> WaitingAsync(Tenant tenant) => tenant.Installation.Service<WaitingLogs>().AskAsync(
        tenant.Unit.Database, [tenant.Entry], _ => long.MaxValue, DateTimeOffset.UnixEpoch, default);

    private static async Task<List<(int Epoch, ulong Xid)>> PositionsAsync(Tenant tenant)
    {
        await using var owner = await tenant.Installation.AsDeployerAsync(tenant.Unit.Database);
        var core = tenant.Unit.CoreSchema.Quoted;
        return await owner.ListAsync(
            $"""
            select e.epoch, e.xid::text from {core}.audit_leaf l join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
            where l.tenant_id = $1 order by l.position
            """,
            r => (r.GetInt32(0), ulong.Parse(r.GetString(1), global::System.Globalization.CultureInfo.InvariantCulture)),
            default, tenant.Id.Value);
    }
}
