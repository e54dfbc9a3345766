using System.Collections.Immutable;
using Bulkhead.Bench.Servers;
using Npgsql;

namespace Bulkhead.Bench.Http;

/// <summary>
/// Tenants of samples/clinic as it is, and of the same app with nothing sealed: what was of class health or secret is personal there,
/// and reading personal fields is what leaves an entry, so that the same requests leave one on both sides.
/// </summary>
internal sealed record ClinicTenants(ImmutableArray<HostTenant> Sealed, ImmutableArray<HostTenant> Unsealed)
{
    private const string App = "clinic";
    private const string UnsealedApp = "clinic-unsealed";
    private const string Role = "admin";
    private const int ChunkLines = 1_000;

    public IReadOnlyList<HostTenant> All => [.. Sealed, .. Unsealed];

    /// <param name="tenants">Of each side.</param>
    /// <param name="rows">Patients of each tenant, and as many conditions.</param>
    public static async Task<ClinicTenants> MakeAsync(
        BulkheadHost host, PrivatePostgres postgres, int tenants, int rows, Action<string> progress, CancellationToken cancellationToken)
    {
        progress("deploying the clinic without sealed fields");
        await host.SignInAsync(cancellationToken);
        await host.DeployAsync(
            Unseal(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "samples/clinic/app.yaml"), cancellationToken)),
            cancellationToken);
        var made = new ClinicTenants(await OfAsync(App), await OfAsync(UnsealedApp));
        await RequireAsync(postgres, made.Sealed[0], isSealed: true, cancellationToken);
        await RequireAsync(postgres, made.Unsealed[0], isSealed: false, cancellationToken);
        return made;

        async Task<ImmutableArray<HostTenant>> OfAsync(string app)
        {
            var all = ImmutableArray.CreateBuilder<HostTenant>(tenants);
            for (var n = 0; n < tenants; n++)
            {
                progress($"{app}: importing into tenant {n + 1} of {tenants}");
                var tenant = await host.OnboardAsync($"{app}-{n}", "shared", app, Role, cancellationToken);
                await FillAsync(host, tenant, rows, cancellationToken);
                all.Add(tenant with { Ids = [.. Enumerable.Range(0, rows).Select(ClinicRows.Id)] });
            }

            return all.ToImmutable();
        }
    }

    private static async Task FillAsync(BulkheadHost host, HostTenant tenant, int rows, CancellationToken cancellationToken)
    {
        var token = await host.TokenAsync(tenant, cancellationToken);
        foreach (var (plural, count, row) in ClinicRows.Collections)
        {
            foreach (var chunk in Enumerable.Range(0, count(rows)).Chunk(ChunkLines))
            {
                await host.ImportAsync(tenant, token, plural, [.. chunk.Select(n => ClinicRows.Line(row(n)))], cancellationToken);
            }
        }
    }

    private static string Unseal(string manifest)
    {
        var unsealed = manifest
            .Replace($"\napp: {App}\n", $"\napp: {UnsealedApp}\n", StringComparison.Ordinal)
            .Replace("readsOf: [health, secret]", "readsOf: [personal]", StringComparison.Ordinal)
            .Replace("class: health", "class: personal", StringComparison.Ordinal)
            .Replace("class: secret", "class: personal", StringComparison.Ordinal)
            .Replace(", search: equality", "", StringComparison.Ordinal);
        string[] wanted = [$"app: {UnsealedApp}\n", "readsOf: [personal]"];
        string[] unwanted = ["class: health", "class: secret", "class: cardholder", "sealed: true", "search:"];
        return Array.TrueForAll(wanted, unsealed.Contains) && !Array.Exists(unwanted, unsealed.Contains)
            ? unsealed
            : throw new InvalidOperationException("samples/clinic/app.yaml has changed: what unseals it here no longer does.");
    }

    /// <summary>
    /// Before anything is timed: on one side the diagnosis is a column, on the other it is not. Leaves the tables as autovacuum does.
    /// </summary>
    private static async Task RequireAsync(
        PrivatePostgres postgres, HostTenant tenant, bool isSealed, CancellationToken cancellationToken)
    {
        var home = await HostHome.OfAsync(postgres, tenant.Slug, cancellationToken);
        await using var rows = await postgres.OpenAsync(home.Database, cancellationToken);
        await using var command = new NpgsqlCommand(
            """
            select count(*) from information_schema.columns
            where table_schema = $1 and (table_name, column_name) in (('condition', 'description'), ('patient', 'ssn'))
            """,
            rows);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = home.Schema });
        var clear = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        if (clear != (isSealed ? 0 : 2))
        {
            throw new InvalidOperationException($"{clear} of two fields stand in the clear for {tenant.Slug}.");
        }

        foreach (var table in new[] { $"\"{home.Schema}\".patient", $"\"{home.Schema}\".condition", "guard.capability" })
        {
            await rows.RunAsync($"vacuum analyze {table}", cancellationToken);
        }
    }
}
