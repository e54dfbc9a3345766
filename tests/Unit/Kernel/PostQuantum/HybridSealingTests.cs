using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

public sealed class HybridSealingTests
{
    private const int AlgorithmByte = 0;

    private readonly HybridSealing _sealing = new(requirePostQuantum: false);
    private readonly HybridSealing _strict = new(requirePostQuantum: true);

    [Fact]
    public void Open_what_was_sealed_classically() => Open_what_was_sealed(SealingAlgorithm.P256);

    [PostQuantumFact]
    public void Open_what_was_sealed_hybrid() => Open_what_was_sealed(SealingAlgorithm.MLKem768P256);

    [Fact]
    public void Refuse_a_classical_one_of_which_any_byte_was_flipped() => Refuse_any_flipped_byte(SealingAlgorithm.P256);

    [PostQuantumFact]
    public void Refuse_a_hybrid_one_of_which_any_byte_was_flipped() => Refuse_any_flipped_byte(SealingAlgorithm.MLKem768P256);

    [Fact]
    public void Refuse_a_classical_one_for_another_key_or_other_associated_bytes() => Refuse_another(SealingAlgorithm.P256);

    [PostQuantumFact]
    public void Refuse_a_hybrid_one_for_another_key_or_other_associated_bytes() => Refuse_another(SealingAlgorithm.MLKem768P256);

    [Fact]
    public void A_classical_one_opens_by_the_written_formula()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.P256);
        Opens_by_the_written_formula(key, "p256-hkdf-sha256-xaes256gcm", 0, _ => []);
    }

    [PostQuantumFact]
    public void A_hybrid_one_opens_by_the_written_formula_with_the_secrets_of_both()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.MLKem768P256);
        using var kem = MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, key.Encoding[33..]);
        Opens_by_the_written_formula(key, "mlkem768-p256-hkdf-sha256-xaes256gcm", 1088, kem.Decapsulate);
    }

    [PostQuantumFact]
    public void Refuse_a_downgrade_of_what_was_sealed_and_of_the_keys()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.MLKem768P256);
        var changed = _sealing.Seal(key.PublicKey, "text"u8, []);
        changed[AlgorithmByte] = (byte)SealingAlgorithm.P256;
        Assert.False(_sealing.TryOpen(key, changed, [], out _));
        Refuses(AlgorithmFaultKind.Refused, () => _strict.TryOpen(key, changed, [], out _));

        // A classical one made for the P-256 half of a hybrid key, well sealed: the key's word counts.
        byte[] half = [(byte)SealingAlgorithm.P256, .. key.PublicKey[1..66]];
        var classical = _sealing.Seal(half, "text"u8, []);
        Assert.False(_sealing.TryOpen(key, classical, [], out _));
        byte[] halfPrivate = [(byte)SealingAlgorithm.P256, .. key.Encoding[1..33]];
        using var weak = HybridPrivateKey.Import(halfPrivate);
        Assert.True(_sealing.TryOpen(weak, classical, [], out _));

        // A hybrid public key that says it is classical has not the length of one, and the other way round.
        byte[] longKey = [(byte)SealingAlgorithm.P256, .. key.PublicKey[1..]];
        Refuses(AlgorithmFaultKind.NoKey, () => _sealing.Seal(longKey, "text"u8, []));
    }

    [Fact]
    public void Refuse_classical_where_post_quantum_is_demanded()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.P256);
        var value = _sealing.Seal(key.PublicKey, "text"u8, []);
        Assert.Contains("RequirePostQuantum", Refuses(AlgorithmFaultKind.Refused, () => _strict.Seal(key.PublicKey, "text"u8, [])), StringComparison.Ordinal);
        Assert.Contains("Next step", Refuses(AlgorithmFaultKind.Refused, () => _strict.TryOpen(key, value, [], out _)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_key_is_the_strongest_that_the_platform_has()
    {
        if (MLKem.IsSupported)
        {
            using var key = _strict.GenerateKey();
            Assert.Equal(SealingAlgorithm.MLKem768P256, key.Algorithm);
            var value = _strict.Seal(key.PublicKey, "text"u8, []);
            Assert.True(_strict.TryOpen(key, value, [], out _));
        }
        else
        {
            using var key = _sealing.GenerateKey();
            Assert.Equal(SealingAlgorithm.P256, key.Algorithm);
            Assert.Contains("OpenSSL 3.5", Refuses(AlgorithmFaultKind.Refused, () => _strict.GenerateKey()), StringComparison.Ordinal);
            byte[] publicKey = [2, .. new byte[1249]];
            Refuses(AlgorithmFaultKind.Unavailable, () => _sealing.Seal(publicKey, "text"u8, []));
            Refuses(AlgorithmFaultKind.Unavailable, () => _strict.Seal(publicKey, "text"u8, []));
            Refuses(AlgorithmFaultKind.Unavailable, () => HybridPrivateKey.Import(new byte[97].Select((_, i) => (byte)(i == 0 ? 2 : 1)).ToArray()));
            Refuses(AlgorithmFaultKind.Unavailable, () => HybridPrivateKey.Generate(SealingAlgorithm.MLKem768P256));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(255)]
    public void Refuse_an_unknown_algorithm(byte identifier)
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.P256);
        var value = _sealing.Seal(key.PublicKey, "text"u8, []);
        value[AlgorithmByte] = identifier;
        var publicKey = key.PublicKey.ToArray();
        publicKey[AlgorithmByte] = identifier;
        var privateKey = key.Encoding.ToArray();
        privateKey[AlgorithmByte] = identifier;
        Refuses(AlgorithmFaultKind.Unknown, () => _sealing.TryOpen(key, value, [], out _));
        Refuses(AlgorithmFaultKind.Unknown, () => _sealing.Seal(publicKey, "text"u8, []));
        Refuses(AlgorithmFaultKind.Unknown, () => HybridPrivateKey.Import(privateKey));
        Refuses(AlgorithmFaultKind.Unknown, () => _sealing.TryOpen(key, [], [], out _));
    }

    [Fact]
    public void Refuse_what_is_no_key()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.P256);
        var good = key.PublicKey.ToArray();
        byte[] offCurve = [.. good[..^1], (byte)(good[^1] ^ 1)];
        byte[] compressed = [1, 2, .. good[2..]];
        foreach (var bad in new[] { offCurve, compressed, good[..^1], [.. good, 0], [1], [1, .. new byte[65]], [1, 4, .. new byte[64]] })
        {
            Refuses(AlgorithmFaultKind.NoKey, () => _sealing.Seal(bad, "text"u8, []));
        }

        byte[] zero = [1, .. new byte[32]];
        byte[] tooLarge = [1, .. Enumerable.Repeat((byte)0xff, 32)];
        foreach (var bad in new[] { zero, tooLarge, key.Encoding[..^1].ToArray(), [.. key.Encoding, 0], [1] })
        {
            Refuses(AlgorithmFaultKind.NoKey, () => HybridPrivateKey.Import(bad));
        }
    }

    [PostQuantumFact]
    public void Refuse_an_encapsulation_key_that_is_none()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithm.MLKem768P256);
        // A coefficient of 4,095 is no number modulo 3,329 (FIPS 203 section 7.2).
        byte[] bad = [.. key.PublicKey[..66], 0xff, 0xff, 0xff, .. key.PublicKey[69..]];
        Refuses(AlgorithmFaultKind.NoKey, () => _sealing.Seal(bad, "text"u8, []));
    }

    [Fact]
    public void The_same_text_sealed_twice_shows_no_likeness()
    {
        using var key = HybridPrivateKey.Generate(SealingAlgorithms.Best);
        var one = _sealing.Seal(key.PublicKey, "text"u8, []);
        var other = _sealing.Seal(key.PublicKey, "text"u8, []);
        Assert.Equal(HybridSealing.Overhead(key.Algorithm) + 4, one.Length);
        Assert.True(one[2..].Zip(other[2..]).Count(pair => pair.First == pair.Second) < one.Length / 16);
    }

    [Fact]
    public void A_private_key_says_nothing_and_is_zero_after_its_end()
    {
        var key = HybridPrivateKey.Generate(SealingAlgorithms.Best);
        Assert.Equal("(a private key)", key.ToString());
        var encoding = key.Encoding;
        key.Dispose();
        Assert.True(encoding.IndexOfAnyExcept((byte)0) < 0);
    }

    private void Open_what_was_sealed(SealingAlgorithm algorithm)
    {
        using var key = HybridPrivateKey.Generate(algorithm);
        using var again = HybridPrivateKey.Import(key.Encoding);
        Assert.Equal(key.PublicKey, again.PublicKey);
        Assert.Equal(algorithm.PublicKeyLength, key.PublicKey.Length);
        foreach (var length in new[] { 0, 1, 32, 100_000 })
        {
            var text = RandomNumberGenerator.GetBytes(length);
            var value = _sealing.Seal(key.PublicKey, text, "bound"u8);
            Assert.Equal((byte)algorithm, value[AlgorithmByte]);
            Assert.True(_sealing.TryOpen(again, value, "bound"u8, out var opened));
            using (opened)
            {
                Assert.Equal(text, opened.Bytes);
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => _sealing.Seal(key.PublicKey, new byte[HybridSealing.MaxTextLength + 1], []));
    }

    private void Refuse_any_flipped_byte(SealingAlgorithm algorithm)
    {
        using var key = HybridPrivateKey.Generate(algorithm);
        var value = _sealing.Seal(key.PublicKey, "text"u8, "bound"u8);
        for (var i = 1; i < value.Length; i++)
        {
            value[i] ^= 1;
            Assert.False(_sealing.TryOpen(key, value, "bound"u8, out _), $"byte {i}");
            value[i] ^= 1;
        }

        Assert.True(_sealing.TryOpen(key, value, "bound"u8, out _));
        for (var length = 1; length < value.Length; length++)
        {
            Assert.False(_sealing.TryOpen(key, value.AsSpan(..length), "bound"u8, out _));
        }

        Assert.False(_sealing.TryOpen(key, [.. value, 0], "bound"u8, out _));
    }

    private void Refuse_another(SealingAlgorithm algorithm)
    {
        using var key = HybridPrivateKey.Generate(algorithm);
        using var other = HybridPrivateKey.Generate(algorithm);
        var value = _sealing.Seal(key.PublicKey, "text"u8, "bound"u8);
        Assert.False(_sealing.TryOpen(other, value, "bound"u8, out _));
        Assert.False(_sealing.TryOpen(key, value, "bounD"u8, out _));
        Assert.False(_sealing.TryOpen(key, value, [], out var nothing));
        Assert.Null(nothing);
    }

    /// <summary>Written anew from the documentation: what stands in a backup opens by it, whatever the code becomes.</summary>
    private void Opens_by_the_written_formula(HybridPrivateKey key, string name, int ciphertextLength, Func<byte[], byte[]> decapsulate)
    {
        var value = _sealing.Seal(key.PublicKey, "text"u8, "bound"u8);
        using var own = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = key.Encoding[1..33].ToArray() });
        var point = value[1..66];
        using var ephemeral = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new() { X = point[1..33], Y = point[33..] },
        });
        var ciphertext = value[66..(66 + ciphertextLength)];
        byte[] secrets = [.. decapsulate(ciphertext), .. own.DeriveRawSecretAgreement(ephemeral.PublicKey)];
        byte[] info = [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. key.PublicKey, .. point, .. ciphertext];
        var message = HKDF.DeriveKey(HashAlgorithmName.SHA256, secrets, 32, "bulkhead/v1 hybrid sealing"u8.ToArray(), info);

        var rest = value[(66 + ciphertextLength)..];
        Assert.Equal(HMACSHA256.HashData(message, "bulkhead/v1 commit"u8), rest[..32]);
        using var cipher = new Xaes(message);
        var text = new byte[4];
        Assert.True(cipher.TryOpen(rest.AsSpan(32..56), rest.AsSpan(56..), "bound"u8, text));
        Assert.Equal("text"u8, text);
    }

    private static string Refuses(AlgorithmFaultKind kind, Action act)
    {
        var fault = Assert.Throws<AlgorithmFault>(act);
        Assert.Equal(kind, fault.Kind);
        return fault.Message;
    }
}
