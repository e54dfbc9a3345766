using System.Security.Cryptography;
using Bulkhead.Tests.Unit.Vectors;

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

public sealed class PostQuantumFactTests
{
    /// <summary>Where <c>./bulkhead test</c> looks for what runs in build/with-openssl35.</summary>
    [Fact]
    public void Every_test_that_needs_OpenSSL_3_5_stands_where_it_is_run_with_it()
    {
        var tests = GetType().Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .Where(method => method.GetCustomAttributes(inherit: false).Any(a => a is PostQuantumFactAttribute or PostQuantumVectorsFactAttribute))
            .ToArray();
        Assert.NotEmpty(tests);
        Assert.All(tests, test => Assert.Matches(@"\.(PostQuantum|Vectors)$", test.DeclaringType!.Namespace));
    }

    [Fact]
    public void Nothing_of_it_is_skipped_where_post_quantum_is_required()
    {
        if (Environment.GetEnvironmentVariable("BULKHEAD_POSTQUANTUM") == "required")
        {
            Assert.Null(new PostQuantumFactAttribute().Skip);
            Assert.True(MLKem.IsSupported && MLDsa.IsSupported, "Post-quantum is required, and this OpenSSL does not have it.");
        }
        else
        {
            Assert.Equal(MLKem.IsSupported && MLDsa.IsSupported, new PostQuantumFactAttribute().Skip is null);
        }
    }
}
