using System.Text.Json;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Servers;
using Npgsql;

namespace Bulkhead.Bench.Http;

/// <summary>
/// The bare endpoint with its own database: one unprotected table with the very rows of the host's shared tenants.
/// </summary>
internal sealed class PlainSide : IAsyncDisposable
{
    private const string Database = "bare";
    private const string Role = "bare_app";
    private readonly ServerProcess _process;

    private PlainSide(ServerProcess process, BareReady ready)
    {
        _process = process;
        Port = new Uri(ready.Url).Port;
        Token = ready.Token;
    }

    public int Port { get; }

    public string Token { get; }

    public int ProcessId => _process.Id;

    public static async Task<PlainSide> StartAsync(
        PrivatePostgres postgres, IReadOnlyList<HostTenant> tenants, int rowsTogether, CancellationToken cancellationToken)
    {
        await using (var server = await postgres.OpenAsync("postgres", cancellationToken))
        {
            // Another part may have had it before.
            await server.RunAsync($"drop database if exists {Database} with (force)", cancellationToken);
            await server.RunAsync($"drop role if exists {Role}", cancellationToken);
            await server.RunAsync($"create role {Role} login password '{postgres.Password}'", cancellationToken);
            await server.RunAsync($"create database {Database}", cancellationToken);
        }

        await using (var plain = await postgres.OpenAsync(Database, cancellationToken))
        {
            await plain.RunAsync(Visit.PlainTable, cancellationToken);
            await plain.RunAsync(Installation.PlainEntryTable, cancellationToken);
            await plain.RunAsync("create table public.tenant (slug text primary key, id uuid not null)", cancellationToken);
            await using var insert = new NpgsqlCommand("insert into public.tenant select * from unnest($1::text[], $2::uuid[])", plain);
            insert.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. tenants.Select(t => t.Slug)] });
            insert.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. tenants.Select(t => t.Id)] });
            await insert.ExecuteNonQueryAsync(cancellationToken);
            await plain.RunAsync($"grant select, insert on all tables in schema public to {Role}", cancellationToken);
        }

        await Rows.FillAsync(
            postgres, Database, "public.visit", [.. tenants.Select(t => t.Id)], rowsTogether / tenants.Count, cancellationToken);
        // As the kernel's pool: prepared statements, reset of the session at each return.
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = postgres.Socket,
            Username = Role,
            Password = postgres.Password,
            Database = Database,
            MaxPoolSize = 24,
            MaxAutoPrepare = 256,
            AutoPrepareMinUsages = 2,
            NoResetOnClose = false,
            Options = "-c jit=off",
        };
        var process = await ServerProcess.StartAsync(
            Environment.ProcessPath!,
            [.. OwnAssembly(), BareServer.Word, settings.ConnectionString],
            new Dictionary<string, string>(),
            line => line.StartsWith('{'),
            TimeSpan.FromSeconds(60),
            cancellationToken);
        return new(process, JsonSerializer.Deserialize<BareReady>(process.Ready, JsonSerializerOptions.Web)!);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    // Under `dotnet x.dll` the process is dotnet, and wants to be told the assembly.
    private static string[] OwnAssembly() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(PlainSide).Assembly.Location] : [];
}
