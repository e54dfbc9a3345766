using Bulkhead.Kernel;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class KernelOptionsTests
{
    private static readonly KernelOptions Good = new() { AppConnection = "Host=x;Database=y", KeyDirectory = "keys" };

    [Fact]
    public void The_defaults_are_without_fault() => Assert.Empty(Good.Validate());

    [Fact]
    public void All_faults_are_listed_at_once()
    {
        var bad = Good with
        {
            MaxBackends = 1,
            CellPoolSize = 0,
            ControlPoolSize = 0,
            DatabasePoolSize = 0,
            StatementTimeout = TimeSpan.Zero,
            OpenTimeout = TimeSpan.Zero,
            CataloguePolling = TimeSpan.Zero,
            HeldKeyCacheTime = TimeSpan.FromMilliseconds(999),
            HeldKeyTimeout = TimeSpan.FromSeconds(11),
            HeldKeyMaxCalls = 0,
            OperatorClientId = "alone",
        };
        var faults = bad.Validate();
        foreach (var word in new[]
        {
            "MaxBackends", "CellPoolSize", "ControlPoolSize", "DatabasePoolSize", "StatementTimeout", "OpenTimeout", "CataloguePolling",
            "OperatorClientId", "HeldKeyCacheTime", "HeldKeyTimeout", "HeldKeyMaxCalls",
        })
        {
            Assert.Contains(faults, f => f.StartsWith(word, StringComparison.Ordinal));
        }

        var refusal = Assert.Throws<ArgumentException>(() => new ServiceCollection().AddKernel(bad));
        Assert.All(faults, f => Assert.Contains(f, refusal.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Pools_that_do_not_fit_under_the_cap_are_refused() =>
        Assert.Single((Good with { MaxBackends = 30, CellPoolSize = 24, ControlPoolSize = 4, DatabasePoolSize = 4 }).Validate());
}
