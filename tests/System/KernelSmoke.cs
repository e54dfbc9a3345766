using System.Collections.Immutable;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace Bulkhead.Tests.System;

public class KernelSmoke(ITestOutputHelper output)
{
    [Fact]
    public async Task Thin_path()
    {
        await using var cluster = await PostgresCluster.StartAsync();
        var keys = Directory.CreateTempSubdirectory("bh-keys");
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddKernel(new KernelOptions
        {
            AppConnection = $"Host={cluster.Socket};Username=bulkhead_app;Password=app;Database=bulkhead",
            DeployConnection = cluster.ConnectionString("postgres"),
            KeyDirectory = keys.FullName,
        });
        await using var provider = services.BuildServiceProvider();
        var deployment = provider.GetRequiredService<Deployment>();
        var watch = global::System.Diagnostics.Stopwatch.StartNew();
        await deployment.PrepareAsync(new Progress<string>(output.WriteLine), default);
        output.WriteLine($"prepare {watch.ElapsedMilliseconds}"); watch.Restart();
        await deployment.PrepareAsync(null, default);
        output.WriteLine($"prepare again {watch.ElapsedMilliseconds}"); watch.Restart();
        await provider.GetRequiredService<KernelStart>().CheckAsync(default);
        var actor = new Actor(ActorKind.Operator, "op", []);
        await deployment.DeployAppAsync(actor, "r", new AppRelease("clinic", 1, "x"), _ => [], null, default);
        var table = SqlName.Of("patient");
        ImmutableArray<SchemaChange> create = [new SchemaChange.AddTable(new(table, [new(SqlName.Of("city"), ColumnType.Text, false)]))];
        foreach (var (slug, kind) in new[] { ("a", IsolationKind.Shared), ("b", IsolationKind.Schema), ("c", IsolationKind.Database) })
        {
            watch.Restart();
            await deployment.OnboardAsync(actor, "r", new NewTenant(TenantId.New(), slug, slug, kind, "clinic", [], []), create, default);
            output.WriteLine($"onboard {kind} {watch.ElapsedMilliseconds}");
        }

        await provider.GetRequiredService<KernelStart>().CheckAsync(default);
        var db = provider.GetRequiredService<TenantDatabase>();
        foreach (var tenant in provider.GetRequiredService<Catalogue>().Current.Tenants.Values)
        {
            var context = new RequestContext(tenant.Id, actor, "r1", "clinic@1");
            var id = Guid.CreateVersion7();
            var insert = Sql.Of($"""
                insert into {Place.App}.{table} (tenant_id, id, version, created_at, updated_at, city)
                values ({Place.Tenant}, {SqlValue.Uuid(id)}, {SqlValue.Uuid(id)}, now(), now(), {SqlValue.Text("Boston")}) returning id
                """);
            var result = await db.RunAsync(context, new TenantWork().Change(insert, new AuditEvent("data.create") { Entity = "patient", Fields = ["city"] }), default);
            Assert.Equal(1, result.Changed);
            var rows = new List<string>();
            await db.RunAsync(context, new TenantWork().ReadIfFound(Sql.Of($"select city from {Place.App}.{table} where city = 'nowhere'"), new AuditEvent("x.none") { Records = AuditRecords.None }, _ => { }), default);
            await db.RunAsync(context, new TenantWork().ReadIfFound(Sql.Of($"select city from {Place.App}.{table}"), new AuditEvent("x.found") { Records = AuditRecords.None }, _ => { }), default);
            await db.RunAsync(context, new TenantWork().Read(Sql.Of($"select id from {Place.App}.{table}"), new AuditEvent("x.digest") { Records = AuditRecords.CountAndDigest }, _ => { }), default);
            var kept = Sql.Of($"select id, city from {Place.App}.{table} where id = {new SqlSlot(0)}").Kept();
            await db.RunAsync(context, new TenantWork().Read(kept, r => Assert.Equal("Boston", r.Text(1)), [SqlValue.Uuid(id)]), default);
            await db.RunAsync(context, new TenantWork().Read(Sql.Of($"select id, city from {Place.App}.{table}"), new AuditEvent("data.list"), r => rows.Add(r.Text(1))), default);
            Assert.Equal(["Boston"], rows);
            await db.RunAsync(context, new TenantWork().Read(Sql.Of($"select body from {Place.Core}.{SqlName.Of("audit_entry")} order by id"), r => output.WriteLine(r.Text(0))), default);
            watch.Restart();
            for (var i = 0; i < 200; i++)
            {
                await db.RunAsync(context, new TenantWork().Read(Sql.Of($"select id, city from {Place.App}.{table} where id = {SqlValue.Uuid(id)}"), _ => { }), default);
            }

            output.WriteLine($"read {watch.Elapsed.TotalMilliseconds / 200} ms");
            await deployment.SuspendAsync(actor, "r", tenant.Id, default);
            await Assert.ThrowsAsync<TenantFault>(() => db.RunAsync(context, new TenantWork().Read(Sql.Of($"select id from {Place.App}.{table}"), _ => { }), default));
            await deployment.ResumeAsync(actor, "r", tenant.Id, default);
            await db.RunAsync(context, new TenantWork().Read(Sql.Of($"select id, city from {Place.App}.{table}"), r => rows.Add(r.Text(1))), default);
            Assert.Equal(2, rows.Count);
        }

        foreach (var residual in await deployment.ResidualsAsync(default))
        {
            output.WriteLine(residual.ToString());
        }
    }
}
