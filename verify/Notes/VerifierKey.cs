using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Verify.Notes;

internal enum KeyType : byte
{
    Ed25519 = 0x01,
    Ed25519Cosignature = 0x04,
    MLDsa44Cosignature = 0x06,
}

internal enum Verdict
{
    Valid,
    Invalid,

    /// <summary>This platform has no ML-DSA: nothing is known of the signature.</summary>
    NotChecked,
}

/// <summary>A public key in C2SP signed-note's spelling: name, id and base64 of type and key, joined by plus signs.</summary>
internal sealed class VerifierKey
{
    private const int TimeSize = 8;

    private readonly Ed25519? classical;

    private VerifierKey(string name, KeyType type, byte[] publicKey, Ed25519? classical) =>
        (Name, Type, PublicKey, Id, this.classical) = (name, type, publicKey, IdOf(name, type, publicKey), classical);

    public string Name { get; }

    public KeyType Type { get; }

    public byte[] PublicKey { get; }

    public uint Id { get; }

    public string Algorithm => Type == KeyType.MLDsa44Cosignature ? "ML-DSA-44" : "Ed25519";

    public static VerifierKey? TryParse(string text, out string why)
    {
        why = "it is not of the form NAME+ID+KEY";
        var parts = text.Split('+', 3);
        if (parts.Length != 3 || !SignedNote.IsKeyName(parts[0]) || StrictBase64.Decode(parts[2]) is not { Length: > 1 } material)
        {
            return null;
        }

        var (name, type, key) = (parts[0], (KeyType)material[0], material[1..]);
        if (parts[1] != IdOf(name, type, key).ToString("x8", CultureInfo.InvariantCulture))
        {
            why = "its id is not that of its name and key";
            return null;
        }

        why = "its public key is not one of its type";
        switch (type)
        {
            case KeyType.Ed25519 or KeyType.Ed25519Cosignature:
                return Notes.Ed25519.TryCreate(key) is { } classical ? new(name, type, key, classical) : null;
            case KeyType.MLDsa44Cosignature:
                return key.Length == MLDsaAlgorithm.MLDsa44.PublicKeySizeInBytes ? new(name, type, key, null) : null;
            default:
                why = string.Create(CultureInfo.InvariantCulture, $"keys of type 0x{material[0]:x2} are not known here");
                return null;
        }
    }

    /// <summary>Signs the bytes of a signature line the checkpoint? Of a cosignature, also when it was made.</summary>
    public Verdict Verify(Checkpoint checkpoint, ReadOnlySpan<byte> signature, out ulong time)
    {
        time = 0;
        if (Type == KeyType.Ed25519)
        {
            return Say(classical!.Verify(checkpoint.Text, signature));
        }

        if (signature.Length < TimeSize)
        {
            return Verdict.Invalid;
        }

        time = BinaryPrimitives.ReadUInt64BigEndian(signature);
        var bare = signature[TimeSize..];
        if (time > Checkpoint.LatestTime)
        {
            return Verdict.Invalid;
        }

        if (Type == KeyType.Ed25519Cosignature)
        {
            var head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {time}\n"));
            return Say(classical!.Verify([.. head, .. checkpoint.Text], bare));
        }

        if (bare.Length != MLDsaAlgorithm.MLDsa44.SignatureSizeInBytes)
        {
            return Verdict.Invalid;
        }

        if (!MLDsa.IsSupported)
        {
            return Verdict.NotChecked;
        }

        using var key = MLDsa.ImportMLDsaPublicKey(MLDsaAlgorithm.MLDsa44, PublicKey);
        return Say(key.VerifyData(CosignedMessage(Name, time, checkpoint), bare));
    }

    /// <summary>C2SP tlog-cosignature, "ML-DSA-44 signed message": the extension lines are not in it, so an Ed25519 signature is demanded too.</summary>
    internal static byte[] CosignedMessage(string name, ulong time, Checkpoint checkpoint)
    {
        var (cosigner, origin) = (Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(checkpoint.Origin));
        var numbers = new byte[24 + Hash.Size];
        BinaryPrimitives.WriteUInt64BigEndian(numbers, time);
        BinaryPrimitives.WriteUInt64BigEndian(numbers.AsSpan(16), checkpoint.Size);
        checkpoint.Root.Write(numbers.AsSpan(24));
        return
        [
            .. "subtree/v1\n\0"u8, (byte)cosigner.Length, .. cosigner, .. numbers[..8], (byte)origin.Length, .. origin, .. numbers[8..],
        ];
    }

    private static Verdict Say(bool valid) => valid ? Verdict.Valid : Verdict.Invalid;

    private static uint IdOf(string name, KeyType type, byte[] key) =>
        BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)type, .. key]));
}
