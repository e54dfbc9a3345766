using System.Text;

using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Rotation, withdrawal, import and destruction, with several processes on one installation.</summary>
[Collection(World.Name)]
public sealed class KeyLifeTests(World world) : IAsyncLifetime
{
    private static readonly Guid Record = Guid.Parse("018f0000-0000-7000-8000-00000000bbbb");
    // Over only when the clock is moved on: no machine is too slow to see what was announced.
    private static readonly TimeSpan Announcement = TimeSpan.FromMinutes(1);

    private Installation _installation = null!;

    public async Task InitializeAsync() => _installation = await Installation.CreateAsync(
        world.Cluster, $"keys_{Guid.NewGuid():N}"[..16], options => options with { KeyAnnouncement = Announcement });

    public Task DisposeAsync() => _installation.DisposeAsync().AsTask();

    [Fact]
    public async Task Data_keys_are_not_heaped_up_without_end()
    {
        var tenant = await _installation.OnboardAsync("heaping", IsolationKind.Shared);
        for (var epoch = 2; epoch <= TenantKeyLife.MostDataKeys; epoch++)
        {
            Assert.Equal(epoch, await _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Data, default));
        }

        await Assert.ThrowsAsync<DeploymentRefused>(
            () => _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Data, default));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Withdrawn_keys_close_the_data_to_every_process_and_to_nothing_else(IsolationKind kind)
    {
        var tenant = await _installation.OnboardAsync("closed", kind);
        var neighbour = await _installation.OnboardAsync("neighbour", kind);
        await tenant.AddPatientAsync(Record);
        await neighbour.AddPatientAsync(Record);
        var envelope = (await KeysAsync(tenant)).Seal("health", Record, "text"u8);

        // This process never reads the catalogue again: only the database can tell it.
        await using var stale = _installation.Another();
        await stale.Catalogue.RefreshAsync(default);
        var there = new Tenant(stale, tenant.Id);
        Assert.Single(await there.PatientsAsync());

        await _installation.Custody.WithdrawAsync(Officer(tenant), default);
        await _installation.Custody.WithdrawAsync(Officer(tenant), default);
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => tenant.PatientsAsync());
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => tenant.AddPatientAsync(Guid.CreateVersion7()));
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => there.PatientsAsync());
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => there.AddPatientAsync(Guid.CreateVersion7()));
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, async () => await KeysAsync(tenant));
        Assert.Equal(0, _installation.Ring.Held);

        // The log, the accounts and the neighbour go on.
        await tenant.RunAsync(new TenantWork().Record(new AuditEvent("test.entry")));
        Assert.Equal(1, await CountAsync(tenant, "service_account"));
        Assert.True(await CountAsync(tenant, "audit_entry") > 2);
        Assert.Single(await neighbour.PatientsAsync());

        // Neither a new capability nor a restarted process opens what the tenant closed.
        await _installation.Deployment.SuspendAsync(Installation.Operator, "r", tenant.Id, default);
        await _installation.Deployment.ResumeAsync(Installation.Operator, "r", tenant.Id, default);
        await stale.Catalogue.RefreshAsync(default);
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => there.PatientsAsync());

        await _installation.Custody.RestoreAsync(Officer(tenant), default);
        await _installation.Custody.RestoreAsync(Officer(tenant), default);
        await stale.Catalogue.RefreshAsync(default);
        Assert.Single(await tenant.PatientsAsync());
        Assert.Single(await there.PatientsAsync());
        Assert.Equal("text", Open(await KeysAsync(tenant), envelope));
        Assert.Equal(["keys.revoke", "keys.revoke", "keys.restore", "keys.restore"], await ActionsAsync(tenant, "keys."));
    }

    [Fact]
    public async Task The_switch_waits_for_nobody_who_changes_the_keys()
    {
        var tenant = await _installation.OnboardAsync("urgent", IsolationKind.Shared);
        await tenant.AddPatientAsync(Record);
        // As somebody does who registers the tenant's own service, and many may stand behind him.
        await using var busy = await _installation.Custody.LockAsync(tenant.Id, default);
        await _installation.Custody.WithdrawAsync(Officer(tenant), default).WaitAsync(TimeSpan.FromSeconds(30));
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => tenant.PatientsAsync());
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task No_read_or_write_that_begins_after_the_withdrawal_succeeds_under_load(IsolationKind kind)
    {
        var tenant = await _installation.OnboardAsync("loaded", kind);
        await tenant.AddPatientAsync(Record);
        await using var other = _installation.Another();
        await other.Catalogue.RefreshAsync(default);
        using var stop = new CancellationTokenSource();
        var last = 0L;
        var done = 0;
        var opening = false;
        var load = Enumerable.Range(0, 6).Select(n => Task.Run(async () =>
        {
            var mine = n % 2 == 0 ? tenant : new Tenant(other, tenant.Id);
            while (!stop.IsCancellationRequested)
            {
                var begun = TimeProvider.System.GetTimestamp();
                try
                {
                    _ = n < 2 ? await mine.AddPatientAsync(Guid.CreateVersion7()) : (await mine.PatientsAsync()).Count;
                    InterlockedMax(ref last, begun);
                    Interlocked.Increment(ref done);
                }
                catch (TenantFault fault) when (fault.Kind == TenantFaultKind.KeysWithdrawn
                    || (fault.Kind == TenantFaultKind.Fenced && Volatile.Read(ref opening)))
                {
                    // The policy found the data closed, and who looks why finds it open again: told to come back.
                    await Task.Delay(1);
                }
            }
        })).ToArray();
        await WaitAsync(() => Volatile.Read(ref done) > 200);
        await _installation.Custody.WithdrawAsync(Officer(tenant), default);
        var closed = TimeProvider.System.GetTimestamp();
        await Task.Delay(500);
        Assert.True(Volatile.Read(ref last) < closed, "something that began after the switch was answered");
        var before = Volatile.Read(ref done);
        Volatile.Write(ref opening, true);
        await _installation.Custody.RestoreAsync(Officer(tenant), default);
        await WaitAsync(() => Volatile.Read(ref done) > before + 20);
        await stop.CancelAsync();
        await Task.WhenAll(load);
    }

    [Fact]
    public async Task A_process_that_knows_of_a_withdrawal_begins_nothing_that_the_database_would_still_take()
    {
        var tenant = await _installation.OnboardAsync("known", IsolationKind.Shared);
        await tenant.AddPatientAsync(Record);
        await using var control = await _installation.AsDeployerAsync(Control);
        // In the catalogue alone: the tenant's database has not heard of it.
        await control.RunAsync("insert into control.key_revocation (tenant_id, actor) values ($1, 'test')", default, tenant.Id.Value);
        await _installation.Catalogue.RefreshAsync(default);
        await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => tenant.AddPatientAsync(Guid.CreateVersion7()));
        await control.RunAsync("delete from control.key_revocation where tenant_id = $1", default, tenant.Id.Value);
        await _installation.Catalogue.RefreshAsync(default);
        Assert.Single(await tenant.PatientsAsync());
    }

    [Fact]
    public async Task A_withdrawal_that_was_killed_is_finished_by_the_next_call()
    {
        var tenant = await _installation.OnboardAsync("halfway", IsolationKind.Schema);
        await tenant.AddPatientAsync(Record);
        foreach (var (database, act, table) in new[]
        {
            (tenant.Unit.Database, "update", "guard.capability"), (Control, "insert", "control.key_revocation"),
            (Control, "insert", "control.audit_entry"),
        })
        {
            await using (await Sabotage.AtAsync(_installation, database, act, table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => _installation.Custody.WithdrawAsync(Officer(tenant), default));
            }

            await _installation.Custody.WithdrawAsync(Officer(tenant), default);
            await RefusedAsync(TenantFaultKind.KeysWithdrawn, () => tenant.PatientsAsync());
            await _installation.Custody.RestoreAsync(Officer(tenant), default);
            Assert.Single(await tenant.PatientsAsync());
        }
    }

    [Fact]
    public async Task Rotated_keys_open_what_was_sealed_before_and_seal_anew_when_every_process_knows_them()
    {
        var tenant = await _installation.OnboardAsync("rotated", IsolationKind.Shared);
        await using var other = _installation.Another();
        await other.Catalogue.RefreshAsync(default);
        var before = await KeysAsync(tenant);
        var envelope = before.Seal("health", Record, "text"u8);
        var index = before.Index("ssn", "1"u8, RecordKeys.UniqueLength);

        Assert.Equal(2, await _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Tenant, default));
        Assert.Equal(2, await _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Data, default));
        Assert.Equal(2, await _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Index, default));
        await Assert.ThrowsAsync<DeploymentRefused>(
            () => _installation.Custody.RotateAsync(Officer(tenant), TenantKeyRotation.Index, default));

        // Announced: known, opened and searched by all, used by none.
        var announced = await KeysAsync(tenant);
        Assert.Equal((1, 1), (announced.Epoch, announced.IndexVersion));
        Assert.Equal(2, announced.Indexes("ssn", "1"u8, RecordKeys.UniqueLength).Length);
        Assert.Equal("text", Open(announced, envelope));

        _installation.Clock.Advance(Announcement);
        var after = await KeysAsync(tenant);
        Assert.Equal((2, 2), (after.Epoch, after.IndexVersion));
        Assert.Equal("text", Open(after, envelope));
        Assert.Equal(2, RecordKeys.EpochOf(after.Seal("health", Record, "new"u8)));
        Assert.Equal(index, after.Indexes("ssn", "1"u8, RecordKeys.UniqueLength)[1]);
        Assert.NotEqual(index, after.Index("ssn", "1"u8, RecordKeys.UniqueLength));

        // Another process opens what this one sealed after the rotation, as soon as it has read the catalogue.
        await other.Catalogue.RefreshAsync(default);
        Assert.Equal("new", Open(await other.Ring.OpenAsync(tenant.Id, "patient", default), after.Seal("health", Record, "new"u8)));

        // What nothing needs any more is gone, and does not open.
        Assert.Equal(2, await _installation.Custody.RetireAsync(Officer(tenant), 2, 2, default));
        await RefusedAsync(TenantFaultKind.KeysUnavailable, async () => Open(await KeysAsync(tenant), envelope));
        Assert.All(await _installation.Custody.VerifyAsync(Officer(tenant), default), check => Assert.Null(check.Problem));
    }

    [Fact]
    public async Task A_rotation_of_the_root_killed_at_any_step_is_finished_by_the_next_call_and_loses_no_key()
    {
        var tenants = new List<Tenant>();
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            tenants.Add(await _installation.OnboardAsync($"wrapped{(int)kind}", kind));
        }

        var envelope = (await KeysAsync(tenants[0])).Seal("health", Record, "text"u8);
        var root = 1;
        foreach (var (act, table) in new[]
        {
            ("insert", "control.key_root"), ("update", "control.installation_key"), ("update", "control.tenant_key"),
            ("update", "control.key_root"), ("insert", "control.audit_entry"),
        })
        {
            await using (await Sabotage.AtAsync(_installation, Control, act, table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => RotateRootAsync());
            }

            // What a restart finds in the middle serves.
            await using (var restarted = _installation.Another())
            {
                await restarted.Catalogue.RefreshAsync(default);
                Assert.Equal("text", Open(await restarted.Ring.OpenAsync(tenants[0].Id, "patient", default), envelope));
            }

            Assert.Equal(++root, await RotateRootAsync());
            var roots = await _installation.Custody.RootsAsync(default);
            Assert.Equal(root, Assert.Single(roots, r => r.RetiredAt is null).Root);
            foreach (var tenant in tenants)
            {
                Assert.All(await _installation.Custody.VerifyAsync(Officer(tenant), default), check => Assert.Null(check.Problem));
                Assert.All(await _installation.Custody.KeysAsync(tenant.Id, default), key => Assert.True(key.Root is null || key.Root == root));
            }
        }

        await using var fresh = _installation.Another();
        await fresh.Catalogue.RefreshAsync(default);
        Assert.Equal("text", Open(await fresh.Ring.OpenAsync(tenants[0].Id, "patient", default), envelope));
        Assert.Equal(0, await _installation.Custody.DestroyDueRootsAsync(Installation.Operator, "r", default));
    }

    [Fact]
    public async Task Retired_roots_are_destroyed_when_no_backup_needs_them_and_then_open_nothing()
    {
        var tenant = await _installation.OnboardAsync("expiring", IsolationKind.Shared);
        await using var control = await _installation.AsDeployerAsync(Control);
        var backup = await control.ScalarAsync<byte[]>(
            "select wrapped from control.tenant_key where tenant_id = $1 and purpose = 'data'", default, tenant.Id.Value);
        await RotateRootAsync();
        var file = Path.Combine(_installation.Options.KeyDirectory, "root-1.key");
        var copy = await File.ReadAllBytesAsync(file);
        await control.RunAsync("update control.key_root set destroy_after = now() - interval '1 second' where root = 1", default);
        Assert.Equal(1, await _installation.Custody.DestroyDueRootsAsync(Installation.Operator, "r", default));
        Assert.Equal(0, await _installation.Custody.DestroyDueRootsAsync(Installation.Operator, "r", default));
        Assert.False(File.Exists(file));

        // Taken back from a backup, it is destroyed again.
        await File.WriteAllBytesAsync(file, copy);
        Assert.Equal(1, await _installation.Custody.DestroyDueRootsAsync(Installation.Operator, "r", default));
        Assert.False(File.Exists(file));
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await _installation.Stores.Current.UnwrapAsync(
            1, backup, WrappedTenantKey.Associated(tenant.Id, KeyPurpose.Data, 1), default));
        Assert.Equal(KeyStoreFaultKind.NoSuchRoot, fault.Kind);
        Assert.All(await _installation.Custody.VerifyAsync(Officer(tenant), default), check => Assert.Null(check.Problem));
    }

    [Fact]
    public async Task A_key_that_does_not_open_is_named_to_its_tenant_without_a_word_of_the_operators_machine()
    {
        var tenant = await _installation.OnboardAsync("curious", IsolationKind.Shared);
        await using var control = await _installation.AsDeployerAsync(Control);
        await control.RunAsync("insert into control.key_root (root, store) values (99, 'file')", default);
        await control.RunAsync("update control.tenant_key set root = 99 where tenant_id = $1", default, tenant.Id.Value);
        await _installation.Catalogue.RefreshAsync(default);
        var checks = await _installation.Custody.VerifyAsync(Officer(tenant), default);
        Assert.Equal(4, checks.Count(check => check.Problem is not null));
        Assert.All(checks, check => Assert.DoesNotContain('/', check.Problem!));
    }

    private string Control => new Npgsql.NpgsqlConnectionStringBuilder(_installation.Options.AppConnection).Database!;

    private Task<int> RotateRootAsync() => _installation.Custody.RotateRootAsync(Installation.Operator, "r", null, default);

    private static RequestContext Officer(Tenant tenant) =>
        new(tenant.Id, new Actor(ActorKind.Service, "svc-officer", ["securityOfficer"]), "request-2", "ward@1");

    private static ValueTask<RecordKeys> KeysAsync(Tenant tenant) => tenant.Installation.Ring.OpenAsync(tenant.Id, "patient", default);

    private static string Open(RecordKeys keys, byte[] envelope)
    {
        var content = new byte[RecordKeys.ContentLength(envelope)];
        keys.Open("health", Record, envelope, content);
        return Encoding.UTF8.GetString(content);
    }

    private static async Task<long> CountAsync(Tenant tenant, string table)
    {
        var count = 0L;
        await tenant.RunAsync(new TenantWork().Read(
            Sql.Of($"select count(*) from {Place.Core}.{SqlName.Of(table)}"), row => count = row.Integer(0)));
        return count;
    }

    private static async Task<List<string>> ActionsAsync(Tenant tenant, string prefix)
    {
        var actions = new List<string>();
        await tenant.RunAsync(new TenantWork().Read(
            Sql.Of($"select action from {Place.Core}.{SqlName.Of("audit_entry")} order by at, id"), row => actions.Add(row.Text(0))));
        return [.. actions.Where(action => action.StartsWith(prefix, StringComparison.Ordinal))];
    }

    private static async Task RefusedAsync(TenantFaultKind kind, Func<Task> act) =>
        Assert.Equal(kind, (await Assert.ThrowsAsync<TenantFault>(act)).Kind);

    private static async Task WaitAsync(Func<bool> holds)
    {
        for (var i = 0; i < 6_000 && !holds(); i++)
        {
            await Task.Delay(10);
        }

        Assert.True(holds());
    }

    private static void InterlockedMax(ref long place, long value)
    {
        for (var seen = Volatile.Read(ref place); value > seen; seen = Volatile.Read(ref place))
        {
            Interlocked.CompareExchange(ref place, value, seen);
        }
    }
}
