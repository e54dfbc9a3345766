namespace Bulkhead.Kernel.Keys.PostQuantum;

/// <summary>
/// The signatures of one receipt, as they are shown and kept. What is absent is said with its reason, and that word is signed too:
/// whoever takes a signature off must break the other one.
/// </summary>
/// <param name="EcdsaP256">ECDSA P-256 with SHA-256, DER (RFC 3279 section 2.2.3), about 71 bytes.</param>
/// <param name="MLDsa65">ML-DSA-65 (FIPS 204), 3,309 bytes; null where there is none.</param>
/// <param name="WhyNoMLDsa65">Such as <c>unavailable (OpenSSL 3.0.19)</c>; null where there is one. One line, 200 characters at most.</param>
internal sealed record ReceiptSignatures(byte[] EcdsaP256, byte[]? MLDsa65, string? WhyNoMLDsa65)
{
    /// <summary>A line for each algorithm; all of them are part of what is signed.</summary>
    public string Words => Describe(MLDsa65 is not null ? ReceiptSigning.Present : WhyNoMLDsa65!);

    /// <summary>One says what the other lacks, and nothing has more than its line.</summary>
    internal bool IsWellFormed => MLDsa65 is null == WhyNoMLDsa65 is not null
        && (WhyNoMLDsa65 is null
            || (WhyNoMLDsa65 is { Length: > 0 and <= 200 } why && why != ReceiptSigning.Present && !why.AsSpan().ContainsAnyExceptInRange(' ', '~')));

    internal static string Describe(string mlDsa) =>
        $"{ReceiptSigning.EcdsaP256}: {ReceiptSigning.Present}\n{ReceiptSigning.MLDsa65}: {mlDsa}\n";
}

internal enum SignatureState
{
    Verified,

    /// <summary>The receipt says that there is none.</summary>
    Absent,

    /// <summary>There is one, and this platform's OpenSSL cannot check it.</summary>
    NotChecked,

    /// <summary>There is one, and it is not of this key over this receipt.</summary>
    Wrong,
}

/// <param name="IsGenuine">Every signature that is there holds; where both were demanded, both are there.</param>
internal sealed record ReceiptVerdict(bool IsGenuine, SignatureState EcdsaP256, SignatureState MLDsa65);
