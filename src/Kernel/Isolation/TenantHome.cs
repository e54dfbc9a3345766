using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Creates databases and units for tenants' rows.</summary>
internal sealed class TenantHome(KernelOptions options, DeployerConnections deployer, Sealing sealing)
{
    /// <summary>20 characters of base 36: tells nothing of the tenant, and fits into a name with room for suffixes.</summary>
    public static string NewUnitName() => "u_" + RandomNumberGenerator.GetString("0123456789abcdefghijklmnopqrstuvwxyz", 20);

    /// <summary>A database with its own login role, hardened, and in the catalogue.</summary>
    public async Task EnsureDatabaseAsync(
        NpgsqlConnection maintenance,
        NpgsqlConnection control,
        InstallationNames names,
        SqlName database,
        SqlName role,
        int connectionLimit,
        CancellationToken cancellationToken)
    {
        var password = Roles.NewPassword();
        await Roles.PutLoginAsync(maintenance, role, password, connectionLimit, cancellationToken);
        await maintenance.RunAsync($"grant {names.Group.Quoted} to {role.Quoted}", cancellationToken);
        await Preparation.EnsureDatabaseAsync(maintenance, database, names.Template, cancellationToken);
        await maintenance.RunAsync($"revoke connect, temporary, create on database {database.Quoted} from public", cancellationToken);
        await maintenance.RunAsync($"grant connect on database {database.Quoted} to {role.Quoted}", cancellationToken);
        await using var inside = await deployer.OpenAsync(database.Value, cancellationToken);
        await inside.RunAsync(
            "insert into guard.marker (database) values ($1) on conflict (singleton) do update set database = excluded.database",
            cancellationToken, database.Value);
        await ClusterEpoch.BeginAsync(maintenance, inside, cancellationToken);
        await inside.RunAsync($"grant usage on schema guard to {names.Group.Quoted}", cancellationToken);
        await inside.RunAsync($"grant select on guard.marker to {names.Group.Quoted}", cancellationToken);
        await inside.RunAsync($"grant select (tenant_id, data_open) on guard.capability to {names.Group.Quoted}", cancellationToken);
        await inside.RunAsync($"grant execute on function guard.refuse(), guard.refuse_data() to {names.Group.Quoted}", cancellationToken);
        var sealer = names.Sealer.Quoted;
        await maintenance.RunAsync($"grant connect on database {database.Quoted} to {sealer}", cancellationToken);
        await inside.RunAsync($"grant usage on schema guard to {sealer}", cancellationToken);
        await inside.RunAsync($"grant select on guard.marker to {sealer}", cancellationToken);
        await inside.RunAsync($"grant select (epoch) on guard.cluster to {sealer}", cancellationToken);
        await inside.RunAsync($"grant select (tenant_id, data_open) on guard.capability to {sealer}", cancellationToken);
        await inside.RunAsync($"grant execute on function guard.refuse() to {sealer}", cancellationToken);
        await control.RunAsync(
            """
            insert into control.login (database, role, password_sealed, hardening) values ($1, $2, $3, ''::bytea)
            on conflict (database) do update set password_sealed = excluded.password_sealed
            """,
            cancellationToken,
            database.Value,
            role.Value,
            sealing.Seal(null, SealPurpose.DatabasePassword, Encoding.UTF8.GetBytes(password), Encoding.UTF8.GetBytes(database.Value)));
        await HardenAsync(control, inside, cancellationToken);
    }

    /// <summary>Settings of a database are not copied from the template, and what stayed open is written down per database.</summary>
    public static async Task HardenAsync(NpgsqlConnection control, NpgsqlConnection inside, CancellationToken cancellationToken)
    {
        var open = await Hardening.ApplyAsync(inside, cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync("delete from control.residual where database = $1", cancellationToken, inside.Database);
        foreach (var residual in open)
        {
            await control.RunAsync(
                "insert into control.residual (database, item, reason) values ($1, $2, $3)",
                cancellationToken, residual.Database, residual.Item, residual.Reason);
        }

        await control.RunAsync(
            "update control.login set hardening = $2 where database = $1", cancellationToken, inside.Database, Hardening.Digest);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The unit of a tenant: the app's shared one, or a new one of its own with its database where it has one.</summary>
    public async Task<Unit> EnsureUnitAsync(
        NpgsqlConnection maintenance,
        NpgsqlConnection control,
        InstallationNames names,
        IsolationKind isolation,
        string app,
        string? ownUnit,
        CancellationToken cancellationToken)
    {
        var (cell, cellDatabase) = (await control.ListAsync(
            "select id, database from control.cell order by created_at limit 1",
            r => (r.GetGuid(0), r.GetString(1)),
            cancellationToken))[0];
        if (isolation == IsolationKind.Shared)
        {
            var known = await control.ScalarAsync<string>(
                "select name from control.unit where isolation = 'shared' and cell = $1 and app = $2", cancellationToken, cell, app);
            return await RegisterAsync(new Unit(known ?? NewUnitName(), isolation, cell, cellDatabase));
        }

        var name = ownUnit ?? NewUnitName();
        if (isolation == IsolationKind.Schema)
        {
            return await RegisterAsync(new Unit(name, isolation, cell, cellDatabase));
        }

        var database = SqlName.Of(name.Replace("u_", "d_", StringComparison.Ordinal));
        if (!await control.ScalarAsync<bool>(
            "select exists (select 1 from control.login where database = $1 and hardening = $2)",
            cancellationToken, database.Value, Hardening.Digest))
        {
            await EnsureDatabaseAsync(
                maintenance, control, names, database, database, options.DatabaseConnectionLimit, cancellationToken);
        }

        return await RegisterAsync(new Unit(name, isolation, cell, database.Value));

        async Task<Unit> RegisterAsync(Unit unit)
        {
            await control.RunAsync(
                """
                insert into control.unit (name, cell, isolation, database, app) values ($1, $2, $3, $4, $5)
                on conflict do nothing
                """,
                cancellationToken, unit.Name, unit.Cell, unit.Isolation.Word(), unit.Database, app);
            return unit;
        }
    }
}
