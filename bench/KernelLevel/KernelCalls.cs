using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>The same through the kernel's door, in one isolation.</summary>
internal sealed class KernelCalls(Installation installation, IsolationKind isolation)
{
    private static readonly Sql Query = Sql.Of(
        $"""
        select id, version, created_at, updated_at, first_name, last_name, city, gender, born, income, visits, active, seen_at, note
        from {Place.App}.{Visit.Table} where id = {new SqlSlot(0)}
        """).Kept();

    private static readonly Sql Insert = Sql.Of(
        $"""
        insert into {Place.App}.{Visit.Table} (tenant_id,
            id, version, created_at, updated_at, first_name, last_name, city, gender, born, income, visits, active, seen_at, note)
        values ({Place.Tenant}, {new SqlSlot(0)}, {new SqlSlot(1)}, {new SqlSlot(2)}, {new SqlSlot(3)}, {new SqlSlot(4)},
            {new SqlSlot(5)}, {new SqlSlot(6)}, {new SqlSlot(7)}, {new SqlSlot(8)}, {new SqlSlot(9)}, {new SqlSlot(10)},
            {new SqlSlot(11)}, {new SqlSlot(12)}, {new SqlSlot(13)}) returning id
        """).Kept();

    private static readonly AuditEvent Reading = new("data.read") { Entity = "visit" };

    private static readonly AuditEvent Creating = new("data.create")
    {
        Entity = "visit",
        Fields = ["firstName", "lastName", "city", "gender", "born", "income", "visits", "active", "seenAt", "note"],
    };

    private readonly TenantDatabase _database = installation.Database;
    private readonly BenchTenant[] _tenants = installation.Tenants[isolation];

    public async Task ReadAsync(Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = PlainCalls.Draw(dice, _tenants);
        var found = 0;
        await _database.RunAsync(
            tenant.Context,
            new TenantWork().Read(
                Query,
                row =>
                {
                    found++;
                    Visit.Take(row);
                },
                [SqlValue.Uuid(id)]),
            cancellationToken);
        Expect(found);
    }

    public async Task ReadAuditedAsync(Dice dice, CancellationToken cancellationToken)
    {
        var (tenant, id) = PlainCalls.Draw(dice, _tenants);
        var found = 0;
        await _database.RunAsync(
            tenant.Context,
            new TenantWork().Read(
                Query,
                Reading,
                row =>
                {
                    found++;
                    Visit.Take(row);
                },
                [SqlValue.Uuid(id)]),
            cancellationToken);
        Expect(found);
    }

    public async Task CreateAsync(Dice dice, CancellationToken cancellationToken)
    {
        var tenant = PlainCalls.Draw(dice, _tenants).Tenant;
        var result = await _database.RunAsync(
            tenant.Context,
            new TenantWork().Change(Insert, Creating, arguments: Visit.Values(Guid.CreateVersion7())),
            cancellationToken);
        Expect(result.Changed);
    }

    private static void Expect(int rows)
    {
        if (rows != 1)
        {
            throw new InvalidOperationException($"{rows} rows where there is one.");
        }
    }
}
