using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Puts a version of an app into force, unit by unit, one transaction each. Each unit's database says itself which version it has,
/// written in the transaction that migrates it: a deployment that was killed goes on where it stopped.
/// </summary>
internal sealed class AppDeployment(KernelOptions options, DeployerConnections deployer, Catalogue catalogue, TimeProvider time)
{
    private const int LockTries = 20;

    public async Task RunAsync(
        Actor actor,
        string requestId,
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
        // What rows that exist would refuse is found out before the first unit is changed.
        foreach (var (unit, owner) in units)
        {
            await CheckAsync(control, unit, owner, release, changesFrom, names, cancellationToken);
        }

        for (var i = 0; i < units.Count; i++)
        {
            await MigrateAsync(control, units[i].Unit, units[i].Owner, release, changesFrom, names, cancellationToken);
            await control.RunAsync(
                "update control.tenant set app_version = $2 where unit = $1 and app_version < $2",
                cancellationToken, units[i].Unit.Name, release.Version);
            progress?.Report($"Migrated unit {i + 1} of {units.Count}");
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
                    actor,
                    requestId,
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

    private async Task CheckAsync(
        NpgsqlConnection control,
        Unit unit,
        TenantId? owner,
        AppRelease release,
        Func<AppRelease, ImmutableArray<SchemaChange>> changesFrom,
        InstallationNames names,
        CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        var installed = await inside.ScalarAsync<int?>(
            "select app_version from guard.unit where name = $1", cancellationToken, unit.Name);
        if (installed is null || installed >= release.Version)
        {
            return;
        }

        var changes = changesFrom(await ReleaseAsync(control, release.Name, installed.Value, cancellationToken));
        await new UnitSchema(inside, unit, owner, names.Group).CheckAsync(changes, cancellationToken);
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
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var transaction = await inside.BeginTransactionAsync(cancellationToken);
                // Waiting long for a lock makes everybody else wait behind us: rather try again.
                await inside.RunAsync("set local lock_timeout = '2s'", cancellationToken);
                var installed = await inside.ScalarAsync<int?>(
                    "select app_version from guard.unit where name = $1 for update", cancellationToken, unit.Name);
                if (installed is null || installed >= release.Version)
                {
                    return;
                }

                var changes = changesFrom(await ReleaseAsync(control, release.Name, installed.Value, cancellationToken));
                await new UnitSchema(inside, unit, owner, names.Group).ApplyAsync(changes, cancellationToken);
                await inside.RunAsync(
                    "update guard.unit set app_version = $2 where name = $1", cancellationToken, unit.Name, release.Version);
                await transaction.CommitAsync(cancellationToken);
                return;
            }
            catch (PostgresException refused) when (DatabaseFaults.Violation(refused) is { } violation)
            {
                throw new DeploymentRefused(
                    $"rows that exist do not allow {violation.Constraint} on {violation.Table}", refused);
            }
            catch (PostgresException locked) when (locked.SqlState == PostgresErrorCodes.LockNotAvailable && attempt < LockTries)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100 * attempt), time, cancellationToken);
            }
        }
    }

    private static IsolationKind Kind(string word) =>
        IsolationKinds.TryParse(word, out var kind) ? kind : throw new InvalidOperationException($"Unknown isolation {word}.");
}
