using System.Security.Cryptography;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

/// <summary>
/// A test that needs ML-KEM and ML-DSA: reported as skipped where OpenSSL is older than 3.5, and failed there where
/// <c>BULKHEAD_POSTQUANTUM</c> is <c>required</c>, as in build/with-openssl35.
/// </summary>
public sealed class PostQuantumFactAttribute : FactAttribute
{
    public PostQuantumFactAttribute() => Skip = WhySkipped;

    internal static string? WhySkipped =>
        (MLKem.IsSupported && MLDsa.IsSupported) || Environment.GetEnvironmentVariable("BULKHEAD_POSTQUANTUM") == "required"
            ? null
            : "OpenSSL is older than 3.5. Next step: run it in build/with-openssl35, as ./bulkhead test does for root";
}
