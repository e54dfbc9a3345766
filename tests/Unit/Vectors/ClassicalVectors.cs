using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.Vectors;

/// <summary>What we stand on: the platform's own AES-GCM, HKDF and ECDSA (of which we read the DER), under whichever OpenSSL runs these tests.</summary>
public sealed class ClassicalVectors
{
    [VectorsFact]
    public void AES_GCM_seals_and_opens_as_published_all_but_other_nonces_than_96_bits()
    {
        var tests = Wycheproof.Load("aes_gcm_test.json");
        var refused = tests.Where(IsRefused).ToArray();
        Assert.Equal(119, refused.Length);
        Assert.Equal(tests.Where(t => t["iv"].Length != 12 || t["tag"].Length != 16), refused);

        var taken = tests.Except(refused).ToArray();
        Assert.Equal(197, taken.Length);
        Assert.Empty(Wycheproof.Wrong(taken, Opens));
        Assert.All(taken.Where(t => t.IsValid), t => Assert.Equal([.. t["ct"], .. t["tag"]], Seal(t)));
    }

    [VectorsFact]
    public void HKDF_SHA_256_derives_as_published()
    {
        var tests = Wycheproof.Load("hkdf_sha256_test.json");
        Assert.Equal(86, tests.Length);
        Assert.Empty(Wycheproof.Wrong(tests, test =>
        {
            var size = test.Test.GetProperty("size").GetInt32();
            try
            {
                var derived = HKDF.DeriveKey(HashAlgorithmName.SHA256, test["ikm"], size, test["salt"], test["info"]);
                return derived.AsSpan().SequenceEqual(test["okm"]);
            }
            catch (ArgumentOutOfRangeException)
            {
                return false;
            }
        }));
    }

    [VectorsFact]
    public void ECDSA_P256_verifies_as_published()
    {
        var tests = Wycheproof.Load("ecdsa_secp256r1_sha256_test.json");
        Assert.Equal(484, tests.Length);
        Assert.Empty(Wycheproof.Wrong(tests, test =>
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(test["publicKeyDer"], out _);
            return P256.Verify(key, test["msg"], test["sig"]);
        }));
    }

    private static bool IsRefused(WycheproofTest test)
    {
        try
        {
            Opens(test);
            return false;
        }
        catch (ArgumentException)
        {
            return true;
        }
    }

    private static bool Opens(WycheproofTest test)
    {
        using var cipher = new AesGcm(test["key"], test["tag"].Length);
        var text = new byte[test["ct"].Length];
        try
        {
            cipher.Decrypt(test["iv"], test["ct"], test["tag"], text, test["aad"]);
            return text.AsSpan().SequenceEqual(test["msg"]);
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private static byte[] Seal(WycheproofTest test)
    {
        using var cipher = new AesGcm(test["key"], 16);
        var output = new byte[test["msg"].Length + 16];
        cipher.Encrypt(test["iv"], test["msg"], output.AsSpan(..^16), output.AsSpan(^16..), test["aad"]);
        return output;
    }
}
