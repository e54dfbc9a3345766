using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Tests.Unit.Vectors;

/// <summary>The vectors of c2sp.org/XAES-256-GCM.</summary>
public sealed class XaesVectors
{
    [Theory]
    [InlineData(0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271")]
    [InlineData(0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d")]
    public void XAES_256_GCM_seals_and_opens_as_published(byte key, string associated, string expected)
    {
        using var cipher = new Xaes(Enumerable.Repeat(key, 32).ToArray());
        var nonce = "ABCDEFGHIJKLMNOPQRSTUVWX"u8;
        var text = "XAES-256-GCM"u8;
        var output = new byte[text.Length + Xaes.TagLength];
        cipher.Seal(nonce, text, Encoding.ASCII.GetBytes(associated), output);
        Assert.Equal(expected, Convert.ToHexStringLower(output));

        var opened = new byte[text.Length];
        Assert.True(cipher.TryOpen(nonce, output, Encoding.ASCII.GetBytes(associated), opened));
        Assert.Equal(text, opened);
    }

    [Fact]
    public void XAES_256_GCM_has_the_published_digest_over_10_000_random_inputs()
    {
        const int iterations = 10_000;
        // OpenSSL before 3.3 squeezes only once: as much as all iterations can take.
        var random = Shake128.HashData([], iterations * (32 + 24 + 2 * (1 + 255))).AsSpan();
        using var digest = new Shake128();
        for (var i = 0; i < iterations; i++)
        {
            var key = Take(ref random, 32);
            var nonce = Take(ref random, 24);
            var text = Take(ref random, Take(ref random, 1)[0]);
            var associated = Take(ref random, Take(ref random, 1)[0]);
            using var cipher = new Xaes(key);
            var output = new byte[text.Length + Xaes.TagLength];
            cipher.Seal(nonce, text, associated, output);
            digest.AppendData(output);
            var opened = new byte[text.Length];
            Assert.True(cipher.TryOpen(nonce, output, associated, opened));
            Assert.Equal(text, opened);
        }

        Assert.Equal("e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939", Convert.ToHexStringLower(digest.GetHashAndReset(32)));
    }

    private static ReadOnlySpan<byte> Take(ref Span<byte> source, int length)
    {
        var taken = source[..length];
        source = source[length..];
        return taken;
    }
}
