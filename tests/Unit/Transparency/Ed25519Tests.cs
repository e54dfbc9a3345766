using System.Numerics;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class Ed25519Tests
{
    /// <summary>RFC 8032 section 7.1, tests 1 to 3.</summary>
    [Theory]
    [InlineData(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void Keys_and_signatures_are_those_of_the_RFC(string seed, string publicKey, string message, string signature)
    {
        var (s, m) = (Convert.FromHexString(seed), Convert.FromHexString(message));
        Assert.Equal(publicKey, Convert.ToHexStringLower(Ed25519.PublicKey(s)));
        Assert.Equal(signature, Convert.ToHexStringLower(Ed25519.Sign(s, m)));
        Assert.True(Ed25519.Verify(Convert.FromHexString(publicKey), m, Convert.FromHexString(signature)));
    }

    [Fact]
    public void A_signature_with_any_bit_changed_is_none()
    {
        var key = Ed25519.PublicKey(Logs.Seed(1));
        var signature = Ed25519.Sign(Logs.Seed(1), "text"u8);
        for (var bit = 0; bit < signature.Length * 8; bit++)
        {
            signature[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(Ed25519.Verify(key, "text"u8, signature), $"bit {bit}");
            signature[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.True(Ed25519.Verify(key, "text"u8, signature));
        Assert.False(Ed25519.Verify(key, "Text"u8, signature));
        Assert.False(Ed25519.Verify(Ed25519.PublicKey(Logs.Seed(2)), "text"u8, signature));
    }

    /// <summary>RFC 8032 section 5.1.7: S is below the order of the group, or whoever has one signature could write a second.</summary>
    [Fact]
    public void A_signature_has_one_spelling()
    {
        var signature = Ed25519.Sign(Logs.Seed(1), "text"u8);
        var order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493", provider: null);
        var other = new BigInteger(signature.AsSpan(32), isUnsigned: true) + order;
        byte[] malleated = [.. signature[..32], .. other.ToByteArray(isUnsigned: true)];
        Assert.Equal(64, malleated.Length);
        Assert.False(Ed25519.Verify(Ed25519.PublicKey(Logs.Seed(1)), "text"u8, malleated));
    }

    [Fact]
    public void What_has_another_length_is_no_seed_no_key_and_no_signature()
    {
        var key = Ed25519.PublicKey(Logs.Seed(1));
        var signature = Ed25519.Sign(Logs.Seed(1), "text"u8);
        foreach (var length in (int[])[0, 31, 33, 64])
        {
            Assert.Throws<ArgumentException>(() => Ed25519.PublicKey(new byte[length]));
            Assert.Throws<ArgumentException>(() => Ed25519.Sign(new byte[length], "text"u8));
            Assert.False(Ed25519.Verify(new byte[length], "text"u8, signature));
        }

        Assert.True(Ed25519.Verify(key, "text"u8, signature));
        Assert.False(Ed25519.Verify([.. key, 0], "text"u8, signature));
        Assert.False(Ed25519.Verify(key, "text"u8, signature.AsSpan(..63)));
        Assert.False(Ed25519.Verify(key, "text"u8, [.. signature, 0]));
        Assert.False(Ed25519.Verify(key, "text"u8, []));
        Assert.False(Ed25519.Verify([], [], []));
    }
}
