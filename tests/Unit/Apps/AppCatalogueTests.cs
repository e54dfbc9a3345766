using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bulkhead.Tests.Unit.Apps;

public sealed class AppCatalogueTests
{
    private static readonly AppRelease One = new("sample", 1, SampleManifest.Text);

    private static readonly AppRelease Two =
        new("sample", 2, SampleManifest.Text.Replace("version: 1", "version: 2", StringComparison.Ordinal));

    private CatalogueSnapshot _snapshot = new() { Apps = [One, Two] };

    [Fact]
    public void Find_a_version_in_force_and_the_newest()
    {
        var apps = Catalogue();

        Assert.Equal(1, apps.Find("sample", 1)!.Version);
        Assert.Equal(2, apps.Newest("sample")!.Version);
        Assert.Null(apps.Find("sample", 3));
        Assert.Null(apps.Find("other", 1));
        Assert.Null(apps.Newest("other"));
    }

    [Fact]
    public void Compile_a_version_once_over_all_generations()
    {
        var apps = Catalogue();
        var first = apps.Find("sample", 1);

        _snapshot = new() { Generation = 2, Apps = [new(One.Name, One.Version, new string(One.Manifest.AsSpan())), Two] };

        Assert.Same(first, apps.Find("sample", 1));
    }

    [Fact]
    public void Compile_anew_what_was_deployed_anew_under_its_number()
    {
        var apps = Catalogue();
        var first = apps.Find("sample", 1);

        _snapshot = new() { Generation = 2, Apps = [One with { Manifest = One.Manifest.Replace("title: Sample", "title: Other", StringComparison.Ordinal) }] };

        Assert.NotSame(first, apps.Find("sample", 1));
        Assert.Equal("Other", apps.Find("sample", 1)!.Title);
        Assert.Null(apps.Find("sample", 2));
    }

    [Fact]
    public void Serve_nobody_with_a_release_that_does_not_compile()
    {
        _snapshot = new() { Apps = [new("broken", 1, "app: broken")] };

        Assert.Null(Catalogue().Find("broken", 1));
    }

    [Fact]
    public void Find_without_allocating()
    {
        var apps = Catalogue();
        apps.Find("sample", 1);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            apps.Find("sample", 1);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private AppCatalogue Catalogue() => new(() => _snapshot, NullLogger.Instance);
}
