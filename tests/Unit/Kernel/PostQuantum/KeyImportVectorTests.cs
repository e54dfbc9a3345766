using System.Buffers.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.Unit.Access;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

/// <summary>What docs/key-import.md shows was sealed by its own client, in another language: it opens here, as an imported key does.</summary>
public sealed partial class KeyImportVectorTests
{
    [Fact]
    public void The_classical_vector_of_the_docs_opens() => Open(SealingAlgorithm.P256);

    [PostQuantumFact]
    public void The_hybrid_vector_of_the_docs_opens() => Open(SealingAlgorithm.MLKem768P256);

    [Fact]
    public void The_docs_have_a_vector_of_every_algorithm() => Assert.Equal(
        Enum.GetValues<SealingAlgorithm>().Select(a => a.Name), Vectors().Select(v => v.GetProperty("algorithm").GetString()));

    private static void Open(SealingAlgorithm algorithm)
    {
        var vector = Vectors().Single(v => v.GetProperty("algorithm").GetString() == algorithm.Name);
        var associated = KeyImport.Associated(
            new TenantId(vector.GetProperty("tenant").GetGuid()), vector.GetProperty("offer").GetGuid());
        Assert.Equal(Bytes("associated"), associated);

        using var key = HybridPrivateKey.Import(Bytes("privateKey"));
        Assert.Equal(algorithm, key.Algorithm);
        Assert.True(new HybridSealing(requirePostQuantum: false).TryOpen(key, Bytes("sealed"), associated, out var text));
        using (text)
        {
            Assert.Equal(Bytes("key"), text.Bytes);
        }

        byte[] Bytes(string name) => Base64Url.DecodeFromChars(vector.GetProperty(name).GetString());
    }

    private static List<JsonElement> Vectors() =>
    [
        .. Block().Matches(File.ReadAllText(Repository.PathOf("docs", "key-import.md")))
            .Select(m => JsonDocument.Parse(m.Groups[1].Value).RootElement),
    ];

    [GeneratedRegex("```json vector\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
