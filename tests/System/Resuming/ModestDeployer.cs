using System.Collections.Immutable;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Resuming;

/// <summary>Managed PostgreSQL gives no superuser: a deployer that may create roles and databases must do.</summary>
public class ModestDeployer
{
    private static readonly SqlName Table = SqlName.Of("note");

    [Fact]
    public async Task Install_onboard_serve_and_fence_without_a_superuser_and_say_what_stays_open()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        var keys = Directory.CreateTempSubdirectory("bh-keys-");
        var services = new ServiceCollection().AddLogging();
        services.AddKernel(new KernelOptions
        {
            AppConnection = $"Host={cluster.Socket};Username=bulkhead_app;Password=app;Database=bulkhead",
            DeployConnection = $"Host={cluster.Socket};Username=modest;Password=modest;Database=postgres",
            KeyDirectory = keys.FullName,
        });
        await using (var admin = new NpgsqlConnection(cluster.ConnectionString("postgres")))
        {
            await admin.OpenAsync();
            await using var create = new NpgsqlCommand("create role modest login createdb createrole password 'modest'", admin);
            await create.ExecuteNonQueryAsync();
        }

        await using var provider = services.BuildServiceProvider();
        var deployment = provider.GetRequiredService<Deployment>();
        await deployment.PrepareAsync(null, default);
        var actor = new Actor(ActorKind.Operator, "operator", []);
        await deployment.DeployAppAsync(actor, "r", new AppRelease("notes", 1, "x"), _ => [], null, default);
        ImmutableArray<SchemaChange> create2 =
            [new SchemaChange.AddTable(new(Table, [new(SqlName.Of("words"), ColumnType.Text, Required: false)]))];
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            await deployment.OnboardAsync(
                actor, "r", new NewTenant(TenantId.New(), kind.Word(), kind.Word(), kind, "notes", [], []), create2, default);
        }

        await provider.GetRequiredService<KernelStart>().CheckAsync(default);
        var database = provider.GetRequiredService<TenantDatabase>();
        var tenants = provider.GetRequiredService<Catalogue>().Current.BySlug;
        foreach (var tenant in tenants.Values)
        {
            var context = new RequestContext(tenant.Id, actor, "r", "notes@1");
            var id = Guid.CreateVersion7();
            var insert = Sql.Of($"""
                insert into {Place.App}.{Table} (tenant_id, id, version, created_at, updated_at, words)
                values ({Place.Tenant}, {SqlValue.Uuid(id)}, {SqlValue.Uuid(id)}, now(), now(), {SqlValue.Text(tenant.Slug)})
                returning id
                """);
            await database.RunAsync(context, new TenantWork().Change(insert, new AuditEvent("test.create")), default);
            Assert.Equal([tenant.Slug], await WordsAsync(context));
        }

        var shared = new RequestContext(tenants["shared"].Id, actor, "r", "notes@1");
        await deployment.SuspendAsync(actor, "r", shared.Tenant, default);
        await Assert.ThrowsAsync<TenantFault>(() => WordsAsync(shared));
        await deployment.ResumeAsync(actor, "r", shared.Tenant, default);
        Assert.Equal(["shared"], await WordsAsync(shared));

        var open = await deployment.ResidualsAsync(default);
        foreach (var number in new[] { "28", "30", "59", "63", "64", "65", "67", "71" })
        {
            Assert.Contains(open, r => r.Item.StartsWith(number + " ", StringComparison.Ordinal));
        }

        async Task<List<string>> WordsAsync(RequestContext context)
        {
            var words = new List<string>();
            await database.RunAsync(
                context, new TenantWork().Read(Sql.Of($"select words from {Place.App}.{Table}"), row => words.Add(row.Text(0))), default);
            return words;
        }
    }
}
