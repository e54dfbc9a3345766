using Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

namespace Bulkhead.Tests.Unit.Vectors;

/// <summary>A test on published test vectors; reported as skipped where they are not beside the checkout.</summary>
public sealed class VectorsFactAttribute : FactAttribute
{
    public VectorsFactAttribute() => Skip = WhySkipped;

    internal static string? WhySkipped => Directory.Exists(Wycheproof.Folder)
        ? null
        : "The test vectors are not beside the checkout. Next step: name their folder in BULKHEAD_VECTORS";
}

/// <summary>One that also needs ML-KEM and ML-DSA.</summary>
public sealed class PostQuantumVectorsFactAttribute : FactAttribute
{
    public PostQuantumVectorsFactAttribute() => Skip = VectorsFactAttribute.WhySkipped ?? PostQuantumFactAttribute.WhySkipped;
}
