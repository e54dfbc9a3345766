using Bulkhead.Host.Import;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Demo;

/// <summary>The sample app and its mapping, as they are in the clone.</summary>
internal static class SampleFiles
{
    public static string Root { get; } =
        Up(AppContext.BaseDirectory, folder => File.Exists(Path.Combine(folder, "Bulkhead.slnx")))
        ?? throw new InvalidOperationException("The tests run inside a clone.");

    /// <summary>The real input, where the clone lies beside it; else null.</summary>
    public static string? Synthea { get; } = Up(Root, folder => Directory.Exists(SyntheaIn(folder))) is { } found
        ? SyntheaIn(found)
        : null;

    public static AppModel App()
    {
        var result = ManifestCompiler.Compile(File.ReadAllText(Path.Combine(Root, "samples", "clinic", "app.yaml")));
        Assert.Empty(result.Faults);
        return result.Model!;
    }

    public static Mapping Mapping()
    {
        var (mapping, faults) = MappingReader.Read(
            File.ReadAllText(Path.Combine(Root, "samples", "clinic", "synthea.yaml")));
        Assert.Empty(faults);
        return mapping!;
    }

    private static string SyntheaIn(string folder) => Path.Combine(folder, "shared", "data", "synthea");

    private static string? Up(string? folder, Func<string, bool> found)
    {
        while (folder is not null && !found(folder))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder;
    }
}
