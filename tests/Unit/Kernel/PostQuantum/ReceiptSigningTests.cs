using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

public sealed class ReceiptSigningTests
{
    private readonly ReceiptSigning _signing = new(requirePostQuantum: false);
    private readonly ReceiptSigning _strict = new(requirePostQuantum: true);

    [Fact]
    public void A_receipt_signed_classically_verifies_and_says_what_it_lacks()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        var signatures = _signing.Sign(key, "receipt"u8);
        var why = MLDsa.IsSupported ? "unavailable (the key pair was made without it)" : $"unavailable ({PostQuantumSupport.OpenSsl})";
        Assert.Equal($"ecdsa-p256-sha256: present\nml-dsa-65: {why}\n", signatures.Words);
        Assert.Equal(
            new(true, SignatureState.Verified, SignatureState.Absent), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, signatures, requireBoth: false));
        Assert.Equal(
            new(false, SignatureState.Verified, SignatureState.Absent), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, signatures, requireBoth: true));
    }

    [PostQuantumFact]
    public void A_receipt_signed_twice_verifies_by_both()
    {
        using var key = ReceiptKey.Generate();
        using var again = ReceiptKey.Import(key.Encoding);
        Assert.Equal(key.PublicKey, again.PublicKey);
        var signatures = _strict.Sign(again, "receipt"u8);
        Assert.Equal("ecdsa-p256-sha256: present\nml-dsa-65: present\n", signatures.Words);
        Assert.Equal(3309, signatures.MLDsa65!.Length);
        Assert.Equal(
            new(true, SignatureState.Verified, SignatureState.Verified), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, signatures, requireBoth: true));
    }

    [PostQuantumFact]
    public void Both_signatures_are_of_the_written_bytes()
    {
        using var key = ReceiptKey.Generate();
        var signatures = _signing.Sign(key, "receipt"u8);
        var data = "bulkhead/v1 receipt\necdsa-p256-sha256: present\nml-dsa-65: present\n\nreceipt"u8.ToArray();
        using var ecdsa = ECDsa.Create(P256.Public(key.PublicKey[1..66]));
        Assert.True(ecdsa.VerifyData(data, signatures.EcdsaP256, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        using var mlDsa = MLDsa.ImportMLDsaPublicKey(MLDsaAlgorithm.MLDsa65, key.PublicKey[66..]);
        Assert.True(mlDsa.VerifyData(data, signatures.MLDsa65!, "bulkhead/v1 receipt"u8.ToArray()));
        Assert.False(mlDsa.VerifyData(data, signatures.MLDsa65!, context: null));
    }

    [Fact]
    public void Refuse_a_classical_receipt_of_which_any_byte_was_flipped()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        Refuse_any_flipped_byte(key);
    }

    [PostQuantumFact]
    public void Refuse_a_receipt_signed_twice_of_which_any_byte_was_flipped()
    {
        using var key = ReceiptKey.Generate();
        Refuse_any_flipped_byte(key);
    }

    [PostQuantumFact]
    public void Refuse_a_receipt_from_which_the_post_quantum_signature_was_taken()
    {
        using var key = ReceiptKey.Generate();
        var signatures = _signing.Sign(key, "receipt"u8);
        var stripped = signatures with { MLDsa65 = null, WhyNoMLDsa65 = "unavailable (OpenSSL 3.0.19)" };
        Assert.Equal(
            new(false, SignatureState.Wrong, SignatureState.Absent), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, stripped, requireBoth: false));

        // The signature of another pair beside a genuine one, and one of which the public key knows nothing.
        using var other = ReceiptKey.Generate();
        var mixed = signatures with { MLDsa65 = _signing.Sign(other, "receipt"u8).MLDsa65 };
        Assert.Equal(
            new(false, SignatureState.Verified, SignatureState.Wrong), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, mixed, requireBoth: false));
        byte[] classical = [1, .. key.PublicKey[1..66]];
        Assert.Equal(
            new(false, SignatureState.Verified, SignatureState.Wrong), ReceiptSigning.Verify(classical, "receipt"u8, signatures, requireBoth: false));
    }

    [Fact]
    public void Refuse_signatures_that_are_not_written_as_we_write_them()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        var good = _signing.Sign(key, "receipt"u8);
        foreach (var why in new[] { null, "", "present", "unavailable\nml-dsa-65: present", "unavailable (\u00fc)", new string('x', 201) })
        {
            Assert.False(ReceiptSigning.Verify(key.PublicKey, "receipt"u8, good with { WhyNoMLDsa65 = why }, requireBoth: false).IsGenuine);
        }

        Assert.False(ReceiptSigning.Verify(key.PublicKey, "receipt"u8, good with { MLDsa65 = [] }, requireBoth: false).IsGenuine);
        Assert.False(ReceiptSigning.Verify(key.PublicKey, "receipt"u8, good with { EcdsaP256 = [] }, requireBoth: false).IsGenuine);
        Assert.Equal(
            SignatureState.Wrong,
            ReceiptSigning.Verify(key.PublicKey, "receipt"u8, good with { WhyNoMLDsa65 = "lost" }, requireBoth: false).EcdsaP256);
    }

    /// <summary>The signed bytes are those that were signed; only what they are said to mean was changed.</summary>
    [Fact]
    public void Refuse_words_that_make_another_receipt_of_the_same_bytes()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        using var ecdsa = key.OpenEcdsa();
        var data = "bulkhead/v1 receipt\necdsa-p256-sha256: present\nml-dsa-65: present\n\nfirst\n\nsecond"u8.ToArray();
        var signature = ecdsa.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

        // The post-quantum signature was taken off, with the reason that it is there.
        Assert.False(ReceiptSigning.Verify(key.PublicKey, "first\n\nsecond"u8, new(signature, null, "present"), requireBoth: false).IsGenuine);
        // A part of the receipt became the reason.
        Assert.False(ReceiptSigning.Verify(key.PublicKey, "second"u8, new(signature, null, "present\n\nfirst"), requireBoth: false).IsGenuine);
    }

    /// <summary>The same two numbers, written otherwise: .NET's own reading takes the second.</summary>
    [Fact]
    public void Refuse_a_signature_that_is_no_DER()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        // 30 45 02 20 r 02 21 00 s: s has its highest bit set, and so a zero before it.
        ReceiptSignatures good;
        do
        {
            good = _signing.Sign(key, "receipt"u8);
        }
        while (good.EcdsaP256 is not [0x30, 0x45, 2, 0x20, ..]);
        byte[] negative = [0x30, 0x44, .. good.EcdsaP256[2..37], 0x20, .. good.EcdsaP256[39..]];
        byte[] longLength = [0x30, 0x81, .. good.EcdsaP256[1..]];
        byte[] trailing = [.. good.EcdsaP256, 0];
        byte[] third = [0x30, 0x48, .. good.EcdsaP256[2..], 2, 1, 1];
        byte[] large = [0x30, 0x46, 2, 0x21, 1, .. good.EcdsaP256[4..]];
        foreach (var bad in new[] { negative, longLength, trailing, third, large })
        {
            Assert.False(ReceiptSigning.Verify(key.PublicKey, "receipt"u8, good with { EcdsaP256 = bad }, requireBoth: false).IsGenuine);
        }
    }

    [Fact]
    public void Refuse_to_sign_classically_where_post_quantum_is_demanded()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        var fault = Assert.Throws<AlgorithmFault>(() => _strict.Sign(key, "receipt"u8));
        Assert.Equal(MLDsa.IsSupported ? AlgorithmFaultKind.Refused : AlgorithmFaultKind.Unavailable, fault.Kind);
        Assert.Contains("Next step", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pair_with_both_signs_and_verifies_classically_where_ML_DSA_is_not()
    {
        byte[] encoding = [2, .. new byte[31], 1, .. new byte[32]];
        using var key = ReceiptKey.Import(encoding);
        var signatures = _signing.Sign(key, "receipt"u8);
        var state = MLDsa.IsSupported ? SignatureState.Verified : SignatureState.Absent;
        Assert.Equal(new(true, SignatureState.Verified, state), ReceiptSigning.Verify(key.PublicKey, "receipt"u8, signatures, requireBoth: false));

        if (!MLDsa.IsSupported)
        {
            // A receipt of a newer platform: the signature is there and cannot be checked, which is no proof of both.
            using var ecdsa = key.OpenEcdsa();
            var data = "bulkhead/v1 receipt\necdsa-p256-sha256: present\nml-dsa-65: present\n\nreceipt"u8.ToArray();
            var newer = new ReceiptSignatures(
                ecdsa.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence), new byte[3309], null);
            byte[] publicKey = [2, .. key.PublicKey[1..], .. new byte[1952]];
            Assert.Equal(new(true, SignatureState.Verified, SignatureState.NotChecked), ReceiptSigning.Verify(publicKey, "receipt"u8, newer, requireBoth: false));
            Assert.False(ReceiptSigning.Verify(publicKey, "receipt"u8, newer, requireBoth: true).IsGenuine);
            Assert.Throws<AlgorithmFault>(() => ReceiptKey.Generate(withMLDsa: true));
        }
    }

    [Fact]
    public void Refuse_what_is_no_key()
    {
        using var key = ReceiptKey.Generate(withMLDsa: false);
        var signatures = _signing.Sign(key, "receipt"u8);
        var good = key.PublicKey.ToArray();
        byte[] offCurve = [.. good[..^1], (byte)(good[^1] ^ 1)];
        foreach (var bad in new[] { offCurve, good[..^1], [.. good, 0], [], [0], [3, .. good[1..]], [2, .. good[1..]] })
        {
            Assert.Throws<AlgorithmFault>(() => ReceiptSigning.Verify(bad, "receipt"u8, signatures, requireBoth: false));
        }

        foreach (var bad in new[] { [], [0], [3, .. key.Encoding[1..]], [2, .. key.Encoding[1..]], key.Encoding[..^1].ToArray(), [1, .. new byte[32]] })
        {
            Assert.Throws<AlgorithmFault>(() => ReceiptKey.Import(bad));
        }
    }

    private void Refuse_any_flipped_byte(ReceiptKey key)
    {
        var receipt = "receipt"u8.ToArray();
        var signatures = _signing.Sign(key, receipt);
        foreach (var bytes in new[] { receipt, signatures.EcdsaP256, signatures.MLDsa65 ?? [] })
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                bytes[i] ^= 1;
                Assert.False(ReceiptSigning.Verify(key.PublicKey, receipt, signatures, requireBoth: false).IsGenuine, $"byte {i} of {bytes.Length}");
                bytes[i] ^= 1;
            }
        }

        Assert.True(ReceiptSigning.Verify(key.PublicKey, receipt, signatures, requireBoth: false).IsGenuine);
    }
}
