using System.Security.Cryptography;
using System.Text.Json;

namespace Bulkhead.Tests.Verify;

/// <summary>A test on published test vectors; reported as skipped where they are not beside the checkout.</summary>
public sealed class VectorsFactAttribute : FactAttribute
{
    public VectorsFactAttribute() => Skip = Directory.Exists(Vectors.Folder)
        ? null
        : "The test vectors are not beside the checkout. Next step: name their folder in BULKHEAD_VECTORS";
}

/// <summary>One that also needs ML-DSA.</summary>
public sealed class MLDsaVectorsFactAttribute : FactAttribute
{
    public MLDsaVectorsFactAttribute() => Skip = new VectorsFactAttribute().Skip ?? new MLDsaFactAttribute().Skip;
}

public sealed class MLDsaFactAttribute : FactAttribute
{
    public MLDsaFactAttribute() => Skip = MLDsa.IsSupported
        ? null
        : "This platform has no ML-DSA. Next step: build/with-openssl35 dotnet vstest on the built tests";
}

/// <summary>One of what is said where there is no ML-DSA.</summary>
public sealed class WithoutMLDsaFactAttribute : FactAttribute
{
    public WithoutMLDsaFactAttribute() => Skip = MLDsa.IsSupported ? "This platform has ML-DSA: nothing is left unchecked here." : null;
}

internal static class Vectors
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("BULKHEAD_VECTORS") is { Length: > 0 } named
        ? named
        : Path.GetFullPath(Path.Combine(Root(), "..", "shared", "vectors"));

    public static IEnumerable<(string Name, JsonElement Json)> Merkle(string kind) =>
        Directory.GetFiles(Path.Combine(Folder, "merkle", kind), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(f => (Path.GetRelativePath(Folder, f), Read(f)));

    public static JsonElement Read(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return json.RootElement.Clone();
    }

    public static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Bulkhead.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }
}
