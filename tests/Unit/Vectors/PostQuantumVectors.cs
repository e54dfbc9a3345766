using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.Vectors;

public sealed class PostQuantumVectors
{
    [PostQuantumVectorsFact]
    public void ML_KEM_768_derives_keys_and_decapsulates_as_published()
    {
        var tests = Wycheproof.Load("mlkem_768_test.json");
        Assert.Equal(193, tests.Length);
        Assert.Empty(Wycheproof.Wrong(tests, test =>
        {
            try
            {
                using var key = MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, test["seed"]);
                return key.ExportEncapsulationKey().AsSpan().SequenceEqual(test["ek"])
                    && key.Decapsulate(test["c"]).AsSpan().SequenceEqual(test["K"]);
            }
            catch (ArgumentException)
            {
                return false;
            }
        }));
    }

    [PostQuantumVectorsFact]
    public void ML_KEM_768_encapsulates_to_every_published_key_what_its_seed_decapsulates()
    {
        foreach (var test in Wycheproof.Load("mlkem_768_test.json").Where(t => t.IsValid))
        {
            using var open = MLKem.ImportEncapsulationKey(MLKemAlgorithm.MLKem768, test["ek"]);
            open.Encapsulate(out var ciphertext, out var secret);
            using var key = MLKem.ImportPrivateSeed(MLKemAlgorithm.MLKem768, test["seed"]);
            Assert.Equal(secret, key.Decapsulate(ciphertext));
        }
    }

    /// <summary>A wrong order of d and z, or a seed at another place, gives another key.</summary>
    [PostQuantumVectorsFact]
    public void A_hybrid_private_key_has_the_published_encapsulation_key_of_its_seed()
    {
        foreach (var test in Wycheproof.Load("mlkem_768_test.json").Where(t => t.IsValid))
        {
            byte[] encoding = [2, .. new byte[31], 1, .. test["seed"]];
            using var key = HybridPrivateKey.Import(encoding);
            Assert.Equal(test["ek"], key.PublicKey[66..].ToArray());
        }
    }

    [PostQuantumVectorsFact]
    public void ML_DSA_44_verifies_as_published() =>
        Verifies_as_published("mldsa_44_verify_test.json", MLDsaAlgorithm.MLDsa44, 180);

    [PostQuantumVectorsFact]
    public void ML_DSA_65_verifies_as_published() =>
        Verifies_as_published("mldsa_65_verify_test.json", MLDsaAlgorithm.MLDsa65, 210);

    private static void Verifies_as_published(string file, MLDsaAlgorithm algorithm, int count)
    {
        var tests = Wycheproof.Load(file);
        Assert.Equal(count, tests.Length);
        Assert.Empty(Wycheproof.Wrong(tests, test =>
        {
            try
            {
                using var key = MLDsa.ImportMLDsaPublicKey(algorithm, test["publicKey"]);
                var context = test.Test.TryGetProperty("ctx", out _) ? test["ctx"] : [];
                return key.VerifyData(test["msg"], test["sig"], context);
            }
            catch (ArgumentException)
            {
                // A public key or a context of a length that there is not.
                return false;
            }
        }));
    }
}
