using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Tests.Verify;

public sealed class Ed25519Tests
{
    private static readonly byte[] Message = [1, 2, 3];
    private static readonly NaiveEd25519 Signer = new(new byte[32]);

    [Theory]
    [InlineData(
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData(
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void The_vectors_of_RFC_8032_hold_and_no_bit_of_them_can_change(string publicKey, string message, string signature)
    {
        var key = Ed25519.TryCreate(Convert.FromHexString(publicKey))!;
        var (text, bytes) = (Convert.FromHexString(message), Convert.FromHexString(signature));
        Assert.True(key.Verify(text, bytes));
        Assert.False(key.Verify([.. text, 0], bytes));
        for (var bit = 0; bit < 512; bit++)
        {
            var changed = bytes.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(key.Verify(text, changed), $"bit {bit}");
        }

        Assert.False(key.Verify(text, bytes.AsSpan(0, 63)));
        Assert.False(key.Verify(text, [.. bytes, 0]));
        Assert.False(key.Verify(text, []));
    }

    [Fact]
    public void Signatures_of_another_implementation_hold_for_many_keys_and_messages()
    {
        for (var i = 0; i < 60; i++)
        {
            var signer = new NaiveEd25519([.. Enumerable.Repeat((byte)i, 32)]);
            var message = Enumerable.Range(0, i * 3).Select(b => (byte)b).ToArray();
            var key = Ed25519.TryCreate(signer.PublicKey)!;
            Assert.True(key.Verify(message, signer.Sign(message)), $"key {i}");
            Assert.False(Ed25519.TryCreate(Signer.PublicKey)!.Verify([.. message, 1], signer.Sign(message)));
        }
    }

    [Fact]
    public void S_beyond_the_order_of_the_group_is_refused_though_the_equation_holds()
    {
        var signature = Signer.Sign(Message);
        var s = NaiveEd25519.Number(signature.AsSpan(32));
        var key = Ed25519.TryCreate(Signer.PublicKey)!;
        Assert.True(key.Verify(Message, signature));
        Assert.False(key.Verify(Message, [.. signature[..32], .. NaiveEd25519.Bytes(s + NaiveEd25519.Order)]));
        for (var multiple = 2; multiple <= 8; multiple++)
        {
            Assert.False(key.Verify(Message, [.. signature[..32], .. NaiveEd25519.Bytes(s + (multiple * NaiveEd25519.Order))]));
        }
    }

    [Fact]
    public void A_public_key_of_small_order_is_none_as_it_would_sign_everything()
    {
        foreach (var key in new[]
        {
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        })
        {
            Assert.Null(Ed25519.TryCreate(Convert.FromHexString(key)));
        }
    }

    [Fact]
    public void A_public_key_that_is_no_point_or_not_spelled_the_one_way_is_none()
    {
        // y = 2 is on no point; y = p + 3 is y = 3 spelled otherwise; x = 0 has no sign.
        Assert.Null(Ed25519.TryCreate(NaiveEd25519.Bytes(2)));
        Assert.NotNull(Ed25519.TryCreate(NaiveEd25519.Bytes(3)));
        Assert.Null(Ed25519.TryCreate(NaiveEd25519.Bytes(NaiveEd25519.P + 3)));
        Assert.Null(Ed25519.TryCreate(Convert.FromHexString("0100000000000000000000000000000000000000000000000000000000000080")));
        Assert.Null(Ed25519.TryCreate(new byte[31]));
        Assert.Null(Ed25519.TryCreate(new byte[33]));
    }

    [Fact]
    public void R_that_is_not_spelled_the_one_way_is_refused()
    {
        // R = identity, S = k*a would hold with R = 1; the same point as p + 1 must not.
        var key = Ed25519.TryCreate(Signer.PublicKey)!;
        var seed = System.Security.Cryptography.SHA512.HashData(new byte[32]);
        (seed[0], seed[31]) = ((byte)(seed[0] & 248), (byte)((seed[31] & 127) | 64));
        var secret = NaiveEd25519.Number(seed.AsSpan(0, 32));
        foreach (var (r, holds) in new[] { (NaiveEd25519.Bytes(1), true), (NaiveEd25519.Bytes(NaiveEd25519.P + 1), false) })
        {
            var k = NaiveEd25519.Number(System.Security.Cryptography.SHA512.HashData([.. r, .. Signer.PublicKey, .. Message])) % NaiveEd25519.Order;
            Assert.Equal(holds, key.Verify(Message, [.. r, .. NaiveEd25519.Bytes(k * secret % NaiveEd25519.Order)]));
        }
    }
}
