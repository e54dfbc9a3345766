using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Makes an installation out of an empty PostgreSQL, or brings one up to date. Harmless when repeated.</summary>
internal sealed class Preparation(
    KernelOptions options,
    DeployerConnections deployer,
    RootStores stores,
    InstallationKeys installationKeys,
    Sealing sealing,
    TimeProvider time)
{
    private readonly NpgsqlConnectionStringBuilder _app = new(options.AppConnection);

    public async Task RunAsync(IProgress<string>? progress, CancellationToken cancellationToken)
    {
        await using var maintenance = await deployer.OpenAsync(deployer.Maintenance, cancellationToken);
        if (maintenance.PostgreSqlVersion.Major < 15)
        {
            throw new UnsafeDatabase([$"PostgreSQL {maintenance.PostgreSqlVersion} is too old. Next step: install 15 or newer"]);
        }

        // Two processes that start at once prepare one after the other.
        await maintenance.RunAsync("select pg_advisory_lock(hashtextextended('bulkhead preparation', 0))", cancellationToken);
        var names = new InstallationNames(_app.Database ?? "bulkhead");
        await EnsureRolesAsync(maintenance, names, cancellationToken);
        if (await EnsureDatabaseAsync(maintenance, names.Control, null, cancellationToken))
        {
            progress?.Report("Created the control database");
        }

        await using var control = await deployer.OpenAsync(names.Control.Value, cancellationToken);
        await MigrateControlAsync(control, cancellationToken);
        await control.RunAsync("insert into control.installation default values on conflict do nothing", cancellationToken);
        await new RootLife(stores, options, time).EnsureAsync(control, cancellationToken);
        await installationKeys.LoadAsync(control, cancellationToken);
        await EnsureSealerAsync(maintenance, control, names, cancellationToken);
        await EnsureTemplateAsync(maintenance, names, progress, cancellationToken);
        await EnsureCellAsync(maintenance, control, names, progress, cancellationToken);
        await CloseOtherDatabasesAsync(maintenance, control, cancellationToken);
        await EnsureOperatorAsync(control, cancellationToken);
    }

    /// <summary>
    /// Any role may enter a database whose CONNECT is PUBLIC's, and look at the cluster from there. The two that every cluster has are
    /// closed; others are not ours to close, and are named.
    /// </summary>
    private static async Task CloseOtherDatabasesAsync(
        NpgsqlConnection maintenance, NpgsqlConnection control, CancellationToken cancellationToken)
    {
        const string item = "71 connecting to this database by other roles";
        const string open = """
            select d.datname from pg_catalog.pg_database d
            where d.datallowconn and (d.datacl is null
              or exists (select 1 from aclexplode(d.datacl) a where a.grantee = 0 and a.privilege_type = 'CONNECT'))
            """;
        foreach (var database in await maintenance.ListAsync(open, r => r.GetString(0), cancellationToken))
        {
            if (database is "postgres" or "template1")
            {
                try
                {
                    await maintenance.RunAsync($"revoke connect, temporary on database {database} from public", cancellationToken);
                }
                catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.InsufficientPrivilege)
                {
                    // Reported below, with those that are not ours.
                }
            }
        }

        var left = await maintenance.ListAsync(open, r => r.GetString(0), cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            "delete from control.residual where item = $1 and not exists (select 1 from control.login l where l.database = residual.database)",
            cancellationToken, item);
        foreach (var database in left)
        {
            await control.RunAsync(
                "insert into control.residual (database, item, reason) values ($1, $2, $3) on conflict do nothing",
                cancellationToken, database, item,
                "PUBLIC may connect. Next step: revoke connect on it from public, or give Bulkhead a cluster of its own");
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private async Task EnsureRolesAsync(NpgsqlConnection maintenance, InstallationNames names, CancellationToken cancellationToken)
    {
        await Roles.EnsureGroupAsync(maintenance, names.Group, cancellationToken);
        if (await AppLogsInAsync(cancellationToken))
        {
            return;
        }

        await Roles.PutLoginAsync(
            maintenance, SqlName.Of(_app.Username!), _app.Password ?? Roles.NewPassword(), 100, cancellationToken);
    }

    /// <summary>False also while the control database does not exist yet.</summary>
    private Task<bool> AppLogsInAsync(CancellationToken cancellationToken) =>
        LogsInAsync(new NpgsqlConnectionStringBuilder(options.AppConnection), cancellationToken);

    private static async Task<bool> LogsInAsync(NpgsqlConnectionStringBuilder settings, CancellationToken cancellationToken)
    {
        try
        {
            settings.Pooling = false;
            await using var source = ConnectionSettings.Source(settings).Build();
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    private async Task MigrateControlAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync("create schema if not exists migration", cancellationToken);
        await control.RunAsync(
            "create table if not exists migration.applied (number int primary key, name text not null, digest bytea not null, at timestamptz not null default now())",
            cancellationToken);
        var applied = await control.ListAsync(
            "select number, digest from migration.applied order by number",
            r => (Number: r.GetInt32(0), Digest: r.GetFieldValue<byte[]>(1)),
            cancellationToken);
        foreach (var script in Script.Of("control"))
        {
            var known = applied.Find(a => a.Number == script.Number);
            if (known.Digest is null)
            {
                await control.RunScriptAsync(script.Text, cancellationToken);
                await control.RunAsync(
                    "insert into migration.applied (number, name, digest) values ($1, $2, $3)",
                    cancellationToken, script.Number, script.Name, script.Digest);
            }
            else if (!known.Digest.AsSpan().SequenceEqual(script.Digest))
            {
                throw new InvalidOperationException(
                    $"schema/control/{script.Name} differs from what was applied here. Next step: run the version of the program that applied it, or `bulkhead reset`.");
            }
        }

        var app = SqlName.Of(_app.Username!).Quoted;
        await control.RunAsync($"grant connect on database {SqlName.Of(control.Database).Quoted} to {app}", cancellationToken);
        await control.RunAsync($"revoke connect, temporary, create on database {SqlName.Of(control.Database).Quoted} from public", cancellationToken);
        await control.RunAsync($"grant usage on schema control to {app}", cancellationToken);
        await control.RunAsync($"grant select on all tables in schema control to {app}", cancellationToken);
        await control.RunAsync($"grant insert on control.audit_entry to {app}", cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The role that seals logs, with its rights here; its password is put back every time.</summary>
    private async Task EnsureSealerAsync(
        NpgsqlConnection maintenance, NpgsqlConnection control, InstallationNames names, CancellationToken cancellationToken)
    {
        var known = await control.ListAsync(
            "select password_sealed from control.sealer_login", r => r.GetFieldValue<byte[]>(0), cancellationToken);
        var role = Encoding.UTF8.GetBytes(names.Sealer.Value);
        var password = known.Count > 0
            ? Encoding.UTF8.GetString(sealing.Open(null, SealPurpose.DatabasePassword, known[0], role))
            : Roles.NewPassword();
        await Roles.PutLoginAsync(maintenance, names.Sealer, password, options.SealerConnectionLimit, cancellationToken);
        if (known.Count == 0)
        {
            await control.RunAsync(
                "insert into control.sealer_login (role, password_sealed) values ($1, $2)",
                cancellationToken,
                names.Sealer.Value,
                sealing.Seal(null, SealPurpose.DatabasePassword, Encoding.UTF8.GetBytes(password), role));
        }

        var sealer = names.Sealer.Quoted;
        await control.RunAsync($"grant connect on database {names.Control.Quoted} to {sealer}", cancellationToken);
        await control.RunAsync($"grant usage on schema control to {sealer}", cancellationToken);
        await control.RunAsync(
            $"grant select, insert, update on control.head_tree, control.head_tile to {sealer}", cancellationToken);
        await control.RunAsync($"grant select, insert on control.head, control.cosigned, control.cosignature to {sealer}", cancellationToken);
        await control.RunAsync($"grant select on control.witness to {sealer}", cancellationToken);
        await control.RunAsync(
            $"grant select, insert, update on control.duty, control.audit_gap, control.audit_sweep to {sealer}", cancellationToken);
        await control.RunAsync($"grant select, insert, update, delete on control.witness_refusal to {sealer}", cancellationToken);
        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.log_key where tenant_id is null)", cancellationToken))
        {
            await LogKeys.CreateAsync(control, sealing, null, cancellationToken);
        }

        await LogKeys.CompleteAsync(control, sealing, cancellationToken);
    }

    /// <summary>Databases of tenants are copies of a hardened template: creating one takes no script.</summary>
    private async Task EnsureTemplateAsync(
        NpgsqlConnection maintenance, InstallationNames names, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        if (await DatabaseExistsAsync(maintenance, names.Template, cancellationToken))
        {
            return;
        }

        var unfinished = SqlName.Of(names.Template.Value + "_new");
        await maintenance.RunAsync($"drop database if exists {unfinished.Quoted}", cancellationToken);
        await EnsureDatabaseAsync(maintenance, unfinished, null, cancellationToken);
        await using (var template = await deployer.OpenAsync(unfinished.Value, cancellationToken))
        {
            foreach (var script in Script.Of("guard"))
            {
                await template.RunScriptAsync(script.Text, cancellationToken);
            }

            await Hardening.ApplyAsync(template, cancellationToken);
        }

        await maintenance.RunAsync($"alter database {unfinished.Quoted} rename to {names.Template.Quoted}", cancellationToken);
        progress?.Report("Hardened the template of tenants' databases");
    }

    private async Task EnsureCellAsync(
        NpgsqlConnection maintenance,
        NpgsqlConnection control,
        InstallationNames names,
        IProgress<string>? progress,
        CancellationToken cancellationToken)
    {
        var isNew = !await control.ScalarAsync<bool>("select exists (select 1 from control.cell)", cancellationToken);
        if (isNew)
        {
            await new TenantHome(options, deployer, sealing).EnsureDatabaseAsync(
                maintenance, control, names, names.Cell, names.CellRole, options.CellConnectionLimit, cancellationToken);
            await control.RunAsync(
                "insert into control.cell (id, database) values ($1, $2)",
                cancellationToken, Guid.CreateVersion7(time.GetUtcNow()), names.Cell.Value);
            progress?.Report("Created the cell for shared rows and schemas");
        }

        else
        {
            await RestoreRolesAsync(maintenance, control, progress, cancellationToken);
        }

        await new ClusterEpoch(deployer).RaiseAsync(maintenance, control, progress, cancellationToken);
        var behind = await control.ListAsync(
            "select database from control.login where hardening <> $1", r => r.GetString(0), cancellationToken, Hardening.Digest);
        foreach (var database in behind)
        {
            progress?.Report($"Hardening {database}");
            await using var connection = await deployer.OpenAsync(database, cancellationToken);
            await TenantHome.HardenAsync(control, connection, cancellationToken);
        }
    }

    /// <summary>A role may change its own defaults and password: a session that ran foreign SQL could have locked every process out.</summary>
    private async Task RestoreRolesAsync(
        NpgsqlConnection maintenance, NpgsqlConnection control, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var logins = await control.ListAsync(
            "select database, role, password_sealed from control.login order by database",
            r => (Database: r.GetString(0), Role: SqlName.Of(r.GetString(1)), Sealed: r.GetFieldValue<byte[]>(2)),
            cancellationToken);
        var changed = await maintenance.ListAsync(
            "select r.rolname from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.oid = s.setrole where r.rolname = any($1)",
            r => r.GetString(0),
            cancellationToken,
            // As one value: a bare array would be taken for the list of all values.
            (object)logins.Select(l => l.Role.Value).ToArray());
        foreach (var login in logins)
        {
            if (changed.Contains(login.Role.Value))
            {
                await maintenance.RunAsync($"alter role {login.Role.Quoted} reset all", cancellationToken);
                await maintenance.RunAsync(
                    $"alter role {login.Role.Quoted} in database {SqlName.Of(login.Database).Quoted} reset all", cancellationToken);
                await RecordAsync("role.reset", login.Role);
            }

            var settings = new NpgsqlConnectionStringBuilder(options.AppConnection)
            {
                Database = login.Database,
                Username = login.Role.Value,
                Password = Encoding.UTF8.GetString(
                    sealing.Open(null, SealPurpose.DatabasePassword, login.Sealed, Encoding.UTF8.GetBytes(login.Database))),
            };
            if (!await LogsInAsync(settings, cancellationToken))
            {
                var limit = login.Database == login.Role.Value && login.Role.Value.StartsWith("d_", StringComparison.Ordinal)
                    ? options.DatabaseConnectionLimit
                    : options.CellConnectionLimit;
                await Roles.PutLoginAsync(maintenance, login.Role, settings.Password!, limit, cancellationToken);
                await RecordAsync("role.password.restored", login.Role);
            }
        }

        async Task RecordAsync(string action, SqlName role)
        {
            progress?.Report($"Put back what was changed of role {role}: somebody ran SQL of their own under it");
            await InstallationLog.AppendAsync(
                control,
                new Actor(ActorKind.Platform, "preparation", []),
                "preparation",
                new AuditEvent(action) { Details = AuditDetails.Of(("role", role.Value)) },
                time.GetUtcNow(),
                cancellationToken);
        }
    }

    private async Task EnsureOperatorAsync(NpgsqlConnection control, CancellationToken cancellationToken)
    {
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.signing_key where tenant_id is null)", cancellationToken))
        {
            var key = TokenSigning.Create(sealing, null);
            await control.RunAsync(
                "insert into control.signing_key (tenant_id, kid, public_jwk, private_sealed) values (null, $1, $2, $3)",
                cancellationToken, key.Kid, key.PublicJwk, key.PrivateSealed);
        }

        if (options.OperatorClientId is { } clientId)
        {
            var changed = await control.RunAsync(
                """
                insert into control.operator_account (client_id, secret_digest) values ($1, $2)
                on conflict (client_id) do update set secret_digest = excluded.secret_digest
                where control.operator_account.secret_digest <> excluded.secret_digest
                """,
                cancellationToken, clientId, options.OperatorSecretDigest!);
            if (changed > 0)
            {
                await InstallationLog.AppendAsync(
                    control,
                    new Actor(ActorKind.Platform, "preparation", []),
                    "preparation",
                    new AuditEvent("operator.put") { Details = AuditDetails.Of(("client", clientId)) },
                    time.GetUtcNow(),
                    cancellationToken);
            }
        }

        await transaction.CommitAsync(cancellationToken);
    }

    internal static Task<bool> DatabaseExistsAsync(NpgsqlConnection maintenance, SqlName name, CancellationToken cancellationToken) =>
        maintenance.ScalarAsync<bool>(
            "select exists (select 1 from pg_catalog.pg_database where datname = $1)", cancellationToken, name.Value)!;

    internal static async Task<bool> EnsureDatabaseAsync(
        NpgsqlConnection maintenance, SqlName name, SqlName? template, CancellationToken cancellationToken)
    {
        if (await DatabaseExistsAsync(maintenance, name, cancellationToken))
        {
            return false;
        }

        // C: prefixes and order are those of code points, the same on every machine, and usable by indexes.
        await maintenance.RunAsync(
            $"create database {name.Quoted} template {template?.Quoted ?? "template0"} encoding 'UTF8' locale 'C' strategy wal_log",
            cancellationToken);
        return true;
    }
}

/// <summary>Names of what belongs to one installation, all derived from the name of its control database.</summary>
internal sealed class InstallationNames(string controlDatabase)
{
    public SqlName Control { get; } = SqlName.Of(controlDatabase);

    public SqlName Group { get; } = Roles.Group(controlDatabase);

    public SqlName Cell { get; } = SqlName.Of(controlDatabase + "_cell");

    /// <summary>The role that seals logs.</summary>
    public SqlName Sealer { get; } = SqlName.Of(controlDatabase + "_sealer");

    public SqlName CellRole { get; } = SqlName.Of(controlDatabase + "_cell");

    /// <summary>Carries the digest of what is in it: a changed hardening makes a new one.</summary>
    public SqlName Template { get; } =
        SqlName.Of($"{controlDatabase}_template_{Convert.ToHexStringLower(Hardening.Digest.AsSpan(0, 4))}");
}
