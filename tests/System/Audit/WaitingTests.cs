using System.Text.RegularExpressions;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Integrity;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bulkhead.Tests.System.Audit;

/// <summary>The sealer asks a database once for all its tenants, works for those who have something for it, and learns nothing else.</summary>
public sealed class WaitingTests(TwoTenantsEach two) : IClassFixture<TwoTenantsEach>
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Who_has_an_entry_that_can_be_sealed_waits_and_nobody_else(IsolationKind kind)
    {
        var (writer, idle) = two.Of(kind);
        await two.SettleAsync();
        Assert.Empty(await two.WaitingAsync(writer, idle));
        await writer.AddPatientAsync(Guid.CreateVersion7());
        var found = Assert.Single(await two.WaitingAsync(writer, idle));
        Assert.Equal((writer.Id, true), (found.Tenant.Id, found.Unsealed));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task What_an_older_transaction_may_still_come_before_does_not_wait(IsolationKind kind)
    {
        var (writer, idle) = two.Of(kind);
        await two.SettleAsync();
        await using (var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database))
        await using (await owner.BeginTransactionAsync())
        {
            await owner.RunAsync("select pg_current_xact_id()", default);
            await writer.AddPatientAsync(Guid.CreateVersion7());
            Assert.Empty(await two.WaitingAsync(writer, idle));
        }

        Assert.Single(await two.WaitingAsync(writer, idle));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_log_that_is_not_sealed_for_too_long_is_an_alert_until_it_is(IsolationKind kind)
    {
        var (writer, idle) = two.Of(kind);
        await two.SettleAsync();
        using var unsealed = two.Unsealed();
        await using (var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database))
        await using (await owner.BeginTransactionAsync())
        {
            // Somebody forgot a transaction: nothing that is written after it can be sealed.
            await owner.RunAsync("select pg_current_xact_id()", default);
            await writer.AddPatientAsync(Guid.CreateVersion7());
            await unsealed.LookAsync(default);
            await Task.Delay(1_100);
            await unsealed.LookAsync(default);
            Assert.Empty(unsealed.Open);
            await unsealed.LookAsync(default);
            var late = Assert.Single(unsealed.Open);
            Assert.Equal(writer.Id, late.Tenant);
            Assert.InRange(DateTimeOffset.UtcNow - late.Since, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
            Assert.NotEqual(idle.Id, late.Tenant);
        }

        await two.SettleAsync();
        await unsealed.LookAsync(default);
        Assert.Empty(unsealed.Open);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task What_the_platform_did_not_write_so_gets_no_position_and_the_log_goes_on(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        await using var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database);
        var (core, tenant) = (writer.Unit.CoreSchema.Quoted, writer.Id.Value);
        var before = await SizeAsync();

        // All in one transaction, so that nothing is sealed before it is as its owner wants it.
        await owner.RunAsync("begin", default);
        var forged = Guid.CreateVersion7();
        var copy = $"select tenant_id, $2, at, actor, action, entity, result, record, replace(body, id::text, $2::text), mac from {core}.audit_entry";
        await owner.RunAsync(
            $"insert into {core}.audit_entry (tenant_id, id, at, actor, action, entity, result, record, body, mac) {copy} where tenant_id = $1 order by id desc limit 1",
            default, tenant, forged);
        // One that was sealed, word for word with its MAC, under another id and about other records.
        var again = Guid.CreateVersion7();
        await owner.RunAsync(
            $"insert into {core}.audit_entry (tenant_id, id, at, actor, action, entity, result, record, body, mac) select tenant_id, $2, at, actor, action, entity, result, record, body, mac from {core}.audit_entry where tenant_id = $1 and id = (select entry_id from {core}.audit_leaf where tenant_id = $1 and position = 1)",
            default, tenant, again);
        // One that was sealed already, as if it were new.
        await owner.RunAsync(
            $"update {core}.audit_entry set xid = pg_current_xact_id() where tenant_id = $1 and id = (select entry_id from {core}.audit_leaf where tenant_id = $1 and position = 1)",
            default, tenant);
        await owner.RunAsync("commit", default);
        Guid changed;
        await using (var holder = await two.Installation.AsDeployerAsync(writer.Unit.Database))
        {
            // What is open holds the horizon, and leaves the owner the time.
            await holder.RunAsync("begin", default);
            await holder.RunAsync("select pg_current_xact_id()", default);
            await writer.AddPatientAsync(Guid.CreateVersion7());
            changed = await owner.ScalarAsync<Guid>(
                $"update {core}.audit_entry set body = replace(body, '\"result\":\"ok\"', '\"result\":\"no\"') where tenant_id = $1 and id = (select max(id::text)::uuid from {core}.audit_entry where tenant_id = $1 and id not in ($2, $3)) returning id",
                default, tenant, forged, again);
            await holder.RunAsync("commit", default);
        }

        var last = Guid.CreateVersion7();
        await writer.AddPatientAsync(last);
        for (var i = 0; await SizeAsync() == before; i++)
        {
            Assert.True(i < 100, "the log does not go on");
            await two.Sealing.SealAsync(default);
            await Task.Delay(20);
        }

        Assert.Equal(before + 1, await SizeAsync());
        var named = (await two.Installation.Service<LogSweep>().RunAsync(writer.Entry, _ => Task.CompletedTask, default)).Gaps;
        Assert.Equal<IEnumerable<Guid>>(new[] { forged, again, changed }.Order(), named.Select(g => g.Entry).Order());
        Assert.All(named, g => Assert.Equal(LogGapKind.EntryForged, g.Kind));
        await owner.RunAsync($"delete from {core}.audit_entry where tenant_id = $1 and id in ($2, $3, $4)", default, tenant, forged, again, changed);

        Task<long> SizeAsync() => owner.ScalarAsync<long>($"select size from {core}.audit_tree where tenant_id = $1", default, tenant);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task An_entry_that_somebody_put_aside_so_that_it_is_never_sealed_is_named_and_an_alert(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await two.SettleAsync();
        await using var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database);
        var (core, tenant) = (writer.Unit.CoreSchema.Quoted, writer.Id.Value);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        Guid aside;
        await using (var holder = await two.Installation.AsDeployerAsync(writer.Unit.Database))
        {
            await holder.RunAsync("begin", default);
            await holder.RunAsync("select pg_current_xact_id()", default);
            await writer.AddPatientAsync(Guid.CreateVersion7());
            aside = await owner.ScalarAsync<Guid>(
                $"update {core}.audit_entry set xid = '900000000000', at = now() + interval '5 years' where tenant_id = $1 and id = (select max(id::text)::uuid from {core}.audit_entry where tenant_id = $1) returning id",
                default, tenant);
            await holder.RunAsync("commit", default);
        }

        var found = await two.Installation.Service<WaitingLogs>().AskAsync(
            writer.Unit.Database, [writer.Entry], _ => long.MaxValue, DateTimeOffset.UtcNow.AddMinutes(-1), default);
        Assert.Equal(DateTimeOffset.UnixEpoch, Assert.Single(found).Since);
        var gap = Assert.Single((await two.Installation.Service<LogSweep>().RunAsync(writer.Entry, _ => Task.CompletedTask, default)).Gaps);
        Assert.Equal((LogGapKind.EntryForged, aside), (gap.Kind, gap.Entry));

        await owner.RunAsync($"update {core}.audit_entry set xid = pg_current_xact_id(), at = now() where id = $1", default, aside);
        await two.SettleAsync();
    }

    [Fact]
    public async Task A_log_of_heads_that_its_key_did_not_sign_is_not_signed_further()
    {
        var (writer, _) = two.Of(IsolationKind.Schema);
        await two.SettleAsync();
        await using var owner = await two.Installation.AsDeployerAsync("bulkhead");
        await owner.RunAsync("create table kept as select * from control.head_tree", default);
        await owner.RunAsync("update control.head_tree set frontier = set_byte(frontier, length(frontier) - 1, get_byte(frontier, length(frontier) - 1) # 1)", default);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        for (var i = 0; ; i++)
        {
            // The horizon may lie behind for a moment: then there is nothing to append yet.
            if (await Record.ExceptionAsync(() => two.Sealing.SealAsync(default)) is { } refusal)
            {
                Assert.Contains("not the one that was signed", Assert.IsType<InvalidOperationException>(refusal).Message, StringComparison.Ordinal);
                break;
            }

            Assert.True(i < 100, "it was signed");
            await Task.Delay(20);
        }

        await owner.RunAsync("update control.head_tree t set frontier = k.frontier from kept k", default);
        await owner.RunAsync("drop table kept", default);
        await two.SettleAsync();
        await two.Sealing.SealAsync(default);
        Assert.True(await two.HeadOfAsync(writer) > 0);
    }

    [Fact]
    public async Task One_whose_capability_is_refused_holds_up_none_of_the_others()
    {
        var (refused, writer) = two.Of(IsolationKind.Shared);
        await two.SettleAsync();
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await using var owner = await two.Installation.AsDeployerAsync(refused.Unit.Database);
        await owner.RunAsync("create table kept as select * from guard.capability where tenant_id = $1", default, refused.Id.Value);
        await owner.RunAsync("delete from guard.capability where tenant_id = $1", default, refused.Id.Value);
        try
        {
            // The refused one, too: who seals it hears why.
            var found = await two.WaitingAsync(refused, writer);
            Assert.Equal(2, found.Count);
            Assert.All(found, f => Assert.True(f.Unsealed));
            await two.Sealing.SealAsync(default);
            Assert.DoesNotContain(await two.WaitingAsync(refused, writer), f => f.Tenant.Id == writer.Id);
        }
        finally
        {
            await owner.RunAsync("insert into guard.capability select * from kept", default);
            await owner.RunAsync("drop table kept", default);
        }
    }

    [Fact]
    public async Task A_round_in_which_nothing_is_to_do_begins_no_tenants_transaction()
    {
        await two.SettleAsync();
        await using var owner = await two.Installation.AsDeployerAsync("postgres");
        await owner.RunAsync("alter system set log_min_duration_statement = 0", default);
        await owner.RunAsync("select pg_reload_conf()", default);
        await Task.Delay(500);
        try
        {
            var before = (await two.Installation.Cluster.ReadLogAsync()).Length;
            for (var i = 0; i < 5; i++)
            {
                await two.Sealing.SealAsync(default);
            }

            var log = (await two.Installation.Cluster.ReadLogAsync())[before..];
            // Two tenants of one unit, two units in one database, two databases: five units a round.
            Assert.Equal(25, Count(log, "execute [^:]*: select number, unsealed, size, since from"));
            Assert.Equal(0, Count(log, "for update skip locked"));
            Assert.Equal(0, Count(log, ": begin"));
        }
        finally
        {
            await owner.RunAsync("alter system reset log_min_duration_statement", default);
            await owner.RunAsync("select pg_reload_conf()", default);
        }

        static int Count(string log, string what) => Regex.Count(log, what, RegexOptions.IgnoreCase);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_head_that_another_process_did_not_live_to_append_is_appended_by_one_that_runs(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await two.SettleAsync();
        await writer.AddPatientAsync(Guid.CreateVersion7());
        // As who dies between the two does it.
        var head = await two.SealOnlyAsync(writer);
        Assert.True(await two.HeadOfAsync(writer) < head.Size);
        await two.Sealing.SealAsync(default);
        Assert.Equal(head.Size, await two.HeadOfAsync(writer));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task What_was_written_last_before_a_tenant_was_suspended_is_sealed_when_it_is_resumed(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await two.SettleAsync();
        var before = await two.HeadOfAsync(writer);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.Installation.Deployment.SuspendAsync(Installation.Operator, "r", writer.Id, default);
        await two.Sealing.SealAsync(default);
        Assert.Equal(before, await two.HeadOfAsync(writer));
        await two.Installation.Deployment.ResumeAsync(Installation.Operator, "r", writer.Id, default);
        await two.SettleAsync();
        Assert.True(await two.HeadOfAsync(writer) > before);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Only_the_sealer_may_ask_and_it_asks_with_its_own_rights(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await using var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database);
        var function = $"{writer.Unit.CoreSchema.Quoted}.audit_waiting(uuid[], bigint[], timestamptz)";
        Assert.True(await owner.ScalarAsync<bool>($"select has_function_privilege('bulkhead_sealer', '{function}', 'execute')", default));
        Assert.False(await owner.ScalarAsync<bool>($"select has_function_privilege('bulkhead_tenants', '{function}', 'execute')", default));
        Assert.False(await owner.ScalarAsync<bool>($"select prosecdef from pg_proc where oid = '{function}'::regprocedure", default));

        // A capability that nobody has shows no tenant, under the sealer's role as well.
        await using var lease = await two.Installation.Pools.OpenSealerAsync(writer.Unit.Database, default);
        var answer = await lease.Connection.ListAsync(
            $"select unsealed, size from {writer.Unit.CoreSchema.Quoted}.audit_waiting(array[$1], array[0::bigint], 'epoch')",
            r => (r.GetBoolean(0), r.GetInt64(1)), default, Guid.NewGuid());
        Assert.Equal((true, 0L), Assert.Single(answer));
    }
}

/// <summary>Two tenants in each isolation; sealing is done by hand.</summary>
public sealed class TwoTenantsEach : IAsyncLifetime
{
    private readonly Dictionary<IsolationKind, (Tenant First, Tenant Second)> _tenants = [];
    private PostgresCluster? _cluster;
    private Installation? _installation;

    public Installation Installation => _installation!;

    internal AuditSealing Sealing { get; private set; } = null!;

    public (Tenant First, Tenant Second) Of(IsolationKind kind) => _tenants[kind];

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync("fsync = off");
        _installation = await Installation.CreateAsync(_cluster, "bulkhead");
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            _tenants[kind] = (await _installation.OnboardAsync($"one-{kind.Word()}", kind), await _installation.OnboardAsync($"two-{kind.Word()}", kind));
        }

        Sealing = _installation.Service<AuditSealing>();
    }

    public async Task DisposeAsync()
    {
        await _installation!.DisposeAsync();
        await _cluster!.DisposeAsync();
    }

    /// <summary>Until nothing is left to seal: the first round begins a log, the second seals it.</summary>
    public async Task SettleAsync()
    {
        var all = _tenants.Values.SelectMany(pair => (Tenant[])[pair.First, pair.Second]).ToList();
        for (var i = 0; i < 100; i++)
        {
            await Sealing.SealAsync(default);
            var left = 0;
            foreach (var database in all.GroupBy(t => t.Unit.Database))
            {
                left += (await WaitingAsync([.. database])).Count;
            }

            if (left == 0)
            {
                return;
            }

            await Task.Delay(20);
        }

        Assert.Fail("something is left to seal");
    }

    /// <summary>Of tenants, who may stand in several databases, those whose entries wait.</summary>
    internal async Task<List<WaitingLog>> WaitingAsync(params Tenant[] tenants)
    {
        var found = new List<WaitingLog>();
        foreach (var database in tenants.GroupBy(t => t.Unit.Database))
        {
            found.AddRange(await Installation.Service<WaitingLogs>().AskAsync(
                database.Key, database.Select(t => t.Entry), _ => long.MaxValue, DateTimeOffset.UnixEpoch, default));
        }

        return found;
    }

    /// <summary>Looks when it is told to; one second is too long.</summary>
    internal UnsealedLogs Unsealed() => new(
        Installation.Service<WaitingLogs>(), Installation.Service<Catalogue>(),
        new() { AppConnection = "", KeyDirectory = "", AuditSealingAlert = TimeSpan.FromSeconds(1) }, TimeProvider.System,
        NullLogger<UnsealedLogs>.Instance);

    internal async Task<SealedHead> SealOnlyAsync(Tenant tenant) =>
        await Installation.Service<AuditSealer>().SealAsync(tenant.Entry, default) ?? throw new InvalidOperationException("Nothing to seal.");

    public async Task<long> HeadOfAsync(Tenant tenant)
    {
        await using var control = await Installation.AsDeployerAsync("bulkhead");
        return await control.ScalarAsync<long>("select coalesce(max(size), 0) from control.head where tenant_id = $1", default, tenant.Id.Value);
    }
}
