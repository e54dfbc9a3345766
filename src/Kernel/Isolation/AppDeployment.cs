using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Puts a version of an app into force, unit by unit, one transaction each. Each unit's database says itself which version it has,
/// written in the transaction that migrates it: a deployment that was killed goes on where it stopped. What is to be sealed otherwise is
/// prepared before that in all units, while the older version serves.
/// </summary>
internal sealed class AppDeployment(
    KernelOptions options, DeployerConnections deployer, Catalogue catalogue, KeyRing keys, OnlineResealing resealing, TimeProvider time)
{
    private const int LockTries = 20;

    public async Task RunAsync(
        DeploymentRequest request,
        AppRelease release,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var names = new InstallationNames(new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead");
        await using var maintenance = await deployer.OpenAsync(deployer.Maintenance, cancellationToken);
        await maintenance.RunAsync("select pg_advisory_lock(hashtextextended('bulkhead units', 0))", cancellationToken);
        await using var control = await deployer.OpenAsync(names.Control.Value, cancellationToken);
        await AnnounceAsync(control, release, cancellationToken);

        var units = await control.ListAsync(
            """
            select u.name, u.isolation, u.cell, u.database,
                   case when u.isolation = 'shared' then null else (select t.id from control.tenant t where t.unit = u.name) end
            from control.unit u where u.app = $1 order by u.name
            """,
            r => (Unit: new Unit(r.GetString(0), Kind(r.GetString(1)), r.GetGuid(2), r.GetString(3)),
                Owner: r.IsDBNull(4) ? (TenantId?)null : new TenantId(r.GetGuid(4))),
            cancellationToken,
            release.Name);
        await catalogue.RefreshAsync(cancellationToken);
        var homes = new List<Home>();
        for (var i = 0; i < units.Count; i++)
        {
            var place = $"unit {i + 1} of {units.Count}";
            homes.Add(new(units[i].Unit, units[i].Owner, place, await PlanAsync(control, units[i].Unit, release, changesFrom, cancellationToken)));
        }

        try
        {
            await PrepareAsync(homes, request, release, names, progress, cancellationToken);
            foreach (var home in homes)
            {
                await ResealAsync(home, request, release, progress, cancellationToken);
                await MigrateAsync(control, home.Unit, home.Owner, release, changesFrom, names, cancellationToken);
                await control.RunAsync(
                    "update control.tenant set app_version = $2 where unit = $1 and app_version < $2",
                    cancellationToken, home.Unit.Name, release.Version);
                progress?.Report($"Migrated {home.Place}");
            }

            await catalogue.RefreshAsync(cancellationToken);
            foreach (var home in homes)
            {
                await ClearAsync(home, request, release.Name, release.Version, progress, cancellationToken);
            }
        }
        catch (TenantFault fault) when (ResealFlip.Refusal(fault) is { } refusal)
        {
            throw refusal;
        }

        await using (var transaction = await control.BeginTransactionAsync(cancellationToken))
        {
            var changed = await control.RunAsync(
                "update control.app_release set deployed_at = now() where app = $1 and version = $2 and deployed_at is null",
                cancellationToken, release.Name, release.Version);
            if (changed > 0)
            {
                await InstallationLog.AppendAsync(
                    control,
                    request.Actor,
                    request.Id,
                    new AuditEvent("app.deploy") { Details = AuditDetails.Of(("app", $"{release.Name}@{release.Version}")) },
                    time.GetUtcNow(),
                    cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
        }

        await catalogue.RefreshAsync(cancellationToken);
    }

    private static async Task AnnounceAsync(NpgsqlConnection control, AppRelease release, CancellationToken cancellationToken)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(release.Manifest));
        await control.RunAsync("insert into control.app (name) values ($1) on conflict do nothing", cancellationToken, release.Name);
        // An announced version that never came into force may be announced anew with another text.
        await control.RunAsync(
            """
            insert into control.app_release (app, version, manifest, digest) values ($1, $2, $3, $4)
            on conflict (app, version) do update set manifest = excluded.manifest, digest = excluded.digest
            where control.app_release.deployed_at is null
            """,
            cancellationToken, release.Name, release.Version, release.Manifest, digest);
        var known = await control.ScalarAsync<byte[]>(
            "select digest from control.app_release where app = $1 and version = $2", cancellationToken, release.Name, release.Version);
        if (!digest.AsSpan().SequenceEqual(known))
        {
            throw new InvalidOperationException(
                $"Version {release.Version} of {release.Name} is in force with another manifest. Next step: raise the version.");
        }
    }

    /// <summary>What the unit needs; null when it is there already.</summary>
    private async Task<Plan?> PlanAsync(
        NpgsqlConnection control,
        Unit unit,
        AppRelease release,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        var installed = await inside.ScalarAsync<int?>(
            "select app_version from guard.unit where name = $1", cancellationToken, unit.Name);
        if (installed is null || installed >= release.Version)
        {
            return null;
        }

        var changes = changesFrom(await ReleaseAsync(control, release.Name, installed.Value, cancellationToken));
        return new(installed.Value, changes, [.. changes.OfType<SchemaChange.Reseal>().Select(c => new ResealShape(c))]);
    }

    /// <summary>What rows that exist would refuse is found out before the first unit is changed, and what can be done before is done.</summary>
    private async Task PrepareAsync(
        List<Home> homes,
        DeploymentRequest request,
        AppRelease release,
        InstallationNames names,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        foreach (var home in homes)
        {
            await CheckAsync(home, prepared: false, names, cancellationToken);
            RequireKeys(home);
        }

        foreach (var home in homes)
        {
            if (home.Plan is { } plan)
            {
                // Of an older version whose deployment was killed near its end: its column is needed again.
                await ClearAsync(home, request, release.Name, plan.Installed, progress, cancellationToken);
                await StageAsync(home.Unit, plan, cancellationToken);
                await ResealAsync(home, request, release, progress, cancellationToken);
            }
        }

        foreach (var home in homes)
        {
            await CheckAsync(home, prepared: true, names, cancellationToken);
        }
    }

    private async Task CheckAsync(Home home, bool prepared, InstallationNames names, CancellationToken cancellationToken)
    {
        if (home.Plan is { } plan)
        {
            await using var inside = await deployer.OpenAsync(home.Unit.Database, cancellationToken);
            await new UnitSchema(inside, home.Unit, home.Owner, names.Group).CheckAsync(plan.Changes, prepared, cancellationToken);
        }
    }

    /// <exception cref="DeploymentRefused">A tenant of the unit has withdrawn its keys.</exception>
    private void RequireKeys(Home home)
    {
        if (home.Plan is not { Shapes.IsEmpty: false })
        {
            return;
        }

        foreach (var tenant in catalogue.Current.Tenants.Values)
        {
            if (tenant.Placement.Unit.Name == home.Unit.Name && tenant.Status != TenantStatus.Preparing)
            {
                keys.RequireOpen(tenant.Id);
            }
        }
    }

    private async Task StageAsync(Unit unit, Plan plan, CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        await WithLocksAsync(
            inside,
            () => new ResealFlip(inside, unit, keys, catalogue, options).StageAsync(plan.Shapes, cancellationToken),
            cancellationToken);
    }

    private async Task ResealAsync(
        Home home, DeploymentRequest request, AppRelease release, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        if (home.Plan is { } plan)
        {
            foreach (var shape in plan.Shapes)
            {
                await resealing.SealAsync(
                    request, $"{release.Name}@{plan.Installed}", home.Unit, shape, home.Place, progress, cancellationToken);
            }
        }
    }

    private async Task ClearAsync(
        Home home, DeploymentRequest request, string app, int version, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(home.Unit.Database, cancellationToken);
        var flip = new ResealFlip(inside, home.Unit, keys, catalogue, options);
        foreach (var (table, entity) in await flip.ToClearAsync(cancellationToken))
        {
            progress?.Report($"Clearing what is left of older columns of {entity} in {home.Place}");
            await resealing.ClearAsync(request, $"{app}@{version}", home.Unit, table, entity, cancellationToken);
            await WithLocksAsync(inside, () => flip.ForgetAsync(table, cancellationToken), cancellationToken);
            await inside.RunAsync($"vacuum {home.Unit.AppSchema.Quoted}.{table.Quoted}", cancellationToken);
        }
    }

    /// <summary>One transaction that waits for locks for a moment only: long waiting makes everybody else wait behind us. Tried again.</summary>
    private async Task WithLocksAsync(NpgsqlConnection inside, Func<Task> act, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var transaction = await inside.BeginTransactionAsync(cancellationToken);
                await inside.RunAsync("set local lock_timeout = '2s'", cancellationToken);
                await act();
                await transaction.CommitAsync(cancellationToken);
                return;
            }
            catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable && attempt < LockTries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * attempt), time, cancellationToken);
            }
        }
    }

    private static async Task<AppRelease> ReleaseAsync(
        NpgsqlConnection control, string app, int version, CancellationToken cancellationToken) =>
        new(app, version, (await control.ScalarAsync<string>(
            "select manifest from control.app_release where app = $1 and version = $2", cancellationToken, app, version))!);

    private async Task MigrateAsync(
        NpgsqlConnection control,
        Unit unit,
        TenantId? owner,
        AppRelease release,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        InstallationNames names,
        CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        try
        {
            await WithLocksAsync(
                inside,
                async () =>
                {
                    var installed = await inside.ScalarAsync<int?>(
                        "select app_version from guard.unit where name = $1 for update", cancellationToken, unit.Name);
                    if (installed is null || installed >= release.Version)
                    {
                        return;
                    }

                    var changes = changesFrom(await ReleaseAsync(control, release.Name, installed.Value, cancellationToken));
                    var flip = new ResealFlip(inside, unit, keys, catalogue, options);
                    await new UnitSchema(inside, unit, owner, names.Group, flip).ApplyAsync(changes, release.Version, cancellationToken);
                    await inside.RunAsync(
                        "update guard.unit set app_version = $2 where name = $1", cancellationToken, unit.Name, release.Version);
                },
                cancellationToken);
        }
        catch (PostgresException refused) when (DatabaseFaults.Violation(refused) is { } violation)
        {
            throw new DeploymentRefused($"rows that exist do not allow {violation.Constraint} on {violation.Table}", refused);
        }
    }

    private static IsolationKind Kind(string word) =>
        IsolationKinds.TryParse(word, out var kind) ? kind : throw new InvalidOperationException($"Unknown isolation {word}.");

    /// <param name="Place">Words for the progress.</param>
    /// <param name="Plan">Null when the unit is there already.</param>
    private sealed record Home(Unit Unit, TenantId? Owner, string Place, Plan? Plan);

    private sealed record Plan(int Installed, ImmutableArray<SchemaChange> Changes, ImmutableArray<ResealShape> Shapes);
}
