namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>The first byte of keys and of what is sealed for them. Numbers are never used again for another algorithm.</summary>
internal enum SealingAlgorithm : byte
{
    /// <summary>Classical: for platforms without ML-KEM.</summary>
    P256 = 1,

    /// <summary>Hybrid: holds as long as one of ML-KEM-768 and P-256 does.</summary>
    MLKem768P256 = 2,
}

internal static class SealingAlgorithms
{
    public const int EncapsulationKeyLength = 1184;
    public const int EncapsulatedLength = 1088;
    public const int SeedLength = 64;

    /// <summary>The strongest that this platform has.</summary>
    public static SealingAlgorithm Best => PostQuantumSupport.HasMLKem ? SealingAlgorithm.MLKem768P256 : SealingAlgorithm.P256;

    /// <exception cref="AlgorithmFault">No algorithm has this number.</exception>
    public static SealingAlgorithm Parse(byte identifier) =>
        Enum.IsDefined((SealingAlgorithm)identifier) ? (SealingAlgorithm)identifier : throw AlgorithmFault.Unknown(identifier);

    extension(SealingAlgorithm algorithm)
    {
        /// <summary>Stable: part of what the message key is derived from.</summary>
        public string Name => algorithm switch
        {
            SealingAlgorithm.P256 => "p256-hkdf-sha256-xaes256gcm",
            SealingAlgorithm.MLKem768P256 => "mlkem768-p256-hkdf-sha256-xaes256gcm",
            _ => throw AlgorithmFault.Unknown((byte)algorithm),
        };

        public bool IsPostQuantum => algorithm == SealingAlgorithm.MLKem768P256;

        public int PublicKeyLength => 1 + P256.PointLength + (algorithm.IsPostQuantum ? EncapsulationKeyLength : 0);

        public int PrivateKeyLength => 1 + P256.ScalarLength + (algorithm.IsPostQuantum ? SeedLength : 0);

        /// <summary>Of the ephemeral point, and the ciphertext of ML-KEM.</summary>
        public int EncapsulationLength => P256.PointLength + (algorithm.IsPostQuantum ? EncapsulatedLength : 0);

        /// <exception cref="AlgorithmFault">It is hybrid, and this platform has no ML-KEM.</exception>
        public void MustBeAvailable()
        {
            if (algorithm.IsPostQuantum && !PostQuantumSupport.HasMLKem)
            {
                throw AlgorithmFault.Unavailable(algorithm.Name);
            }
        }
    }
}
