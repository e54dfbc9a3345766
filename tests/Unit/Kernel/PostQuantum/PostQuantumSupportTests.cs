using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

public sealed class PostQuantumSupportTests
{
    [Theory]
    [InlineData(0x30000130L, "OpenSSL 3.0.19")]
    [InlineData(0x30500010L, "OpenSSL 3.5.1")]
    [InlineData(0x30A000F0L, "OpenSSL 3.10.15")]
    [InlineData(0x40000000L, "OpenSSL 4.0.0")]
    [InlineData(0x1010117fL, "OpenSSL 1.1.1w")]
    [InlineData(0x1010100fL, "OpenSSL 1.1.1")]
    public void The_version_is_said_in_words(long number, string words) => Assert.Equal(words, PostQuantumSupport.InWords(number));

    [Fact]
    public void The_status_says_what_is_there()
    {
        var status = PostQuantumSupport.Describe("OpenSSL 3.5.1", true, true, true);
        Assert.Equal("post-quantum: ML-KEM-768 (sealing), ML-DSA-65 (receipts), X25519MLKEM768 (TLS) beside the classical ones, OpenSSL 3.5.1", status);
    }

    [Fact]
    public void The_status_says_what_is_not_there_and_the_next_step()
    {
        var none = PostQuantumSupport.Describe("OpenSSL 3.0.19", false, false, false);
        Assert.Contains("not available with OpenSSL 3.0.19: ML-KEM-768 (sealing), ML-DSA-65 (receipts), X25519MLKEM768 (TLS);", none, StringComparison.Ordinal);
        Assert.Contains("Next step: run on OpenSSL 3.5", none, StringComparison.Ordinal);
        var some = PostQuantumSupport.Describe("OpenSSL 3.5.1", true, false, true);
        Assert.StartsWith("post-quantum: ML-KEM-768 (sealing), X25519MLKEM768 (TLS); not available", some, StringComparison.Ordinal);
        Assert.Contains(": ML-DSA-65 (receipts);", some, StringComparison.Ordinal);
    }

    [Fact]
    public void The_status_is_that_of_this_platform()
    {
        Assert.Contains(PostQuantumSupport.OpenSsl, PostQuantumSupport.Status, StringComparison.Ordinal);
        Assert.Equal(
            MLKem.IsSupported && MLDsa.IsSupported && PostQuantumSupport.HasHybridTls,
            !PostQuantumSupport.Status.Contains("not available", StringComparison.Ordinal));
    }

    [PostQuantumFact]
    public void OpenSSL_with_post_quantum_has_it_for_TLS_too() => Assert.True(PostQuantumSupport.HasHybridTls);
}
