using System.Collections.Concurrent;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Roles;

/// <summary>A process that only serves, and the data folder that a worker beside it is started with.</summary>
public sealed class ServedAlone : IAsyncLifetime
{
    // Kept open: who looks all the time would else spend it with signing in.
    private readonly ConcurrentDictionary<string, NpgsqlDataSource> _owners = new(StringComparer.Ordinal);

    public ServedAlone()
    {
        Server = new(options => options with { Role = ProcessRole.Api, KeyDirectory = Path.Combine(Data, "keys") });
    }

    internal Server Server { get; }

    internal string Data { get; } = Directory.CreateTempSubdirectory("bh-data-").FullName;

    internal string App => Server.Services.GetRequiredService<KernelOptions>().AppConnection;

    public Task InitializeAsync() => Server.InitializeAsync();

    public async Task DisposeAsync()
    {
        foreach (var source in _owners.Values)
        {
            await source.DisposeAsync();
        }

        await Server.DisposeAsync();
        Server.Dispose();
        Directory.Delete(Data, recursive: true);
    }

    internal Task<WorkerProcess> StartWorkerAsync() => WorkerProcess.StartAsync(Data, App);

    internal TenantEntry Tenant(string slug) => Server.Services.GetRequiredService<Catalogue>().Current.BySlug[slug];

    /// <summary>As the owner of the database, who sees every row.</summary>
    internal ValueTask<NpgsqlConnection> OwnerAsync(string database) =>
        _owners.GetOrAdd(database, name => NpgsqlDataSource.Create(Server.Cluster.ConnectionString(name))).OpenConnectionAsync();

    /// <summary>Entries of the tenant, and those of them that have a position.</summary>
    internal async Task<(long Entries, long Sealed)> CountsAsync(string slug)
    {
        var tenant = Tenant(slug);
        var core = tenant.Placement.Unit.CoreSchema.Quoted;
        await using var owner = await OwnerAsync(tenant.Placement.Unit.Database);
        await using var command = new NpgsqlCommand(
            $"""
            select (select count(*) from {core}.audit_entry where tenant_id = $1),
                (select count(*) from {core}.audit_leaf l join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    where l.tenant_id = $1)
            """,
            owner);
        command.Parameters.Add(new() { Value = tenant.Id.Value });
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return (reader.GetInt64(0), reader.GetInt64(1));
    }
}
