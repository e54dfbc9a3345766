using System.Globalization;
using System.Security.Cryptography;
using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Bench.Keys;

/// <summary>
/// What the algorithms cost, one call after another on one thread: build/with-openssl35 …/Bulkhead.Bench post-quantum. The classical
/// ones stand in the same run.
/// </summary>
internal static class PostQuantumFigures
{
    public const string Word = "post-quantum";

    private const int Rounds = 9;
    private const int CallsPerRound = 200;

    public static int Run()
    {
        Console.WriteLine($"{PostQuantumSupport.OpenSsl}, µs per call: median of {Rounds} rounds of {CallsPerRound} calls (middle half)");
        var receipt = RandomNumberGenerator.GetBytes(1024);
        Classical(receipt);
        if (!PostQuantumSupport.HasMLKem || !PostQuantumSupport.HasMLDsa)
        {
            Console.WriteLine(PostQuantumSupport.Status);
            return 1;
        }

        Kem();
        Signatures(MLDsaAlgorithm.MLDsa44, receipt);
        Signatures(MLDsaAlgorithm.MLDsa65, receipt);
        foreach (var algorithm in Enum.GetValues<SealingAlgorithm>())
        {
            Sealed(algorithm);
        }

        Receipts(receipt);
        return 0;
    }

    private static void Classical(byte[] receipt)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signature = key.SignData(receipt, HashAlgorithmName.SHA256);
        Time("ECDSA P-256 sign 1 KiB", () => key.SignData(receipt, HashAlgorithmName.SHA256));
        Time("ECDSA P-256 verify 1 KiB", () => key.VerifyData(receipt, signature, HashAlgorithmName.SHA256));
    }

    private static void Kem()
    {
        using var key = MLKem.GenerateKey(MLKemAlgorithm.MLKem768);
        using var open = MLKem.ImportEncapsulationKey(MLKemAlgorithm.MLKem768, key.ExportEncapsulationKey());
        open.Encapsulate(out var ciphertext, out _);
        Time("ML-KEM-768 generate", () => MLKem.GenerateKey(MLKemAlgorithm.MLKem768).Dispose());
        Time("ML-KEM-768 encapsulate", () => open.Encapsulate(out _, out _));
        Time("ML-KEM-768 decapsulate", () => key.Decapsulate(ciphertext));
    }

    private static void Signatures(MLDsaAlgorithm algorithm, byte[] receipt)
    {
        using var key = MLDsa.GenerateKey(algorithm);
        var signature = new byte[algorithm.SignatureSizeInBytes];
        Time($"{algorithm.Name} generate", () => MLDsa.GenerateKey(algorithm).Dispose());
        Time($"{algorithm.Name} sign 1 KiB", () => key.SignData(receipt.AsSpan(), signature.AsSpan()));
        Time($"{algorithm.Name} verify 1 KiB", () => key.VerifyData(receipt, signature));
    }

    private static void Sealed(SealingAlgorithm algorithm)
    {
        var sealing = new HybridSealing(requirePostQuantum: false);
        using var key = HybridPrivateKey.Generate(algorithm);
        var publicKey = key.PublicKey.ToArray();
        var text = RandomNumberGenerator.GetBytes(32);
        var value = sealing.Seal(publicKey, text, []);
        Time($"{algorithm.Name} seal 32 B", () => sealing.Seal(publicKey, text, []));
        Time($"{algorithm.Name} open 32 B", () =>
        {
            sealing.TryOpen(key, value, [], out var opened);
            opened!.Dispose();
        });
    }

    private static void Receipts(byte[] receipt)
    {
        var signing = new ReceiptSigning(requirePostQuantum: true);
        using var key = ReceiptKey.Generate();
        var publicKey = key.PublicKey.ToArray();
        var signatures = signing.Sign(key, receipt);
        Time("receipt of 1 KiB signed by both", () => signing.Sign(key, receipt));
        Time("receipt of 1 KiB verified by both", () => ReceiptSigning.Verify(publicKey, receipt, signatures, requireBoth: true));
    }

    private static void Time(string what, Action call)
    {
        for (var i = 0; i < CallsPerRound; i++)
        {
            call();
        }

        var spread = Spread.Of(Enumerable.Range(0, Rounds).Select(_ =>
        {
            var start = Clock.Now;
            for (var i = 0; i < CallsPerRound; i++)
            {
                call();
            }

            return Clock.Microseconds(Clock.Now - start) / CallsPerRound;
        }).ToArray());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{what,-52} {spread.Median,8:0} ({spread.Low:0}-{spread.High:0})"));
    }
}
