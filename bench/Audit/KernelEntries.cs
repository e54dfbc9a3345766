using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Bench.Audit;

/// <summary>Entries through the kernel's door: so many in one transaction, with and without a number that each commits to.</summary>
internal sealed class KernelEntries(Installation installation)
{
    public static readonly AuditEvent Reading = new("data.read") { Entity = "visit" };

    private static readonly AuditEvent Committing = Reading with { Numbers = [CommittedNumber.Of("recordsRead", 25)] };

    private readonly BenchTenant[] _tenants = installation.Tenants[IsolationKind.Shared];

    public async Task AppendAsync(int entries, bool commits, Dice dice, CancellationToken cancellationToken)
    {
        var work = new TenantWork();
        for (var i = 0; i < entries; i++)
        {
            work.Record(commits ? Committing : Reading);
        }

        await installation.Database.RunAsync(PlainCalls.Draw(dice, _tenants).Tenant.Context, work, cancellationToken);
    }
}
