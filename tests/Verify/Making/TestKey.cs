using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>A signer of notes, made from a word; written from signed-note and tlog-cosignature.</summary>
internal sealed class TestKey
{
    private readonly NaiveEd25519? classical;
    private readonly MLDsa? postQuantum;
    private readonly byte[] publicKey;

    public TestKey(string name, byte type, string seed = "")
    {
        (Name, Type) = (name, type);
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(seed.Length > 0 ? seed : $"{name} {type}"));
        if (type == 6)
        {
            postQuantum = MLDsa.ImportMLDsaPrivateSeed(MLDsaAlgorithm.MLDsa44, bytes);
            publicKey = postQuantum.ExportMLDsaPublicKey();
        }
        else
        {
            classical = new(bytes);
            publicKey = classical.PublicKey;
        }
    }

    public string Name { get; }

    public byte Type { get; }

    public string VKey => $"{Name}+{Convert.ToHexStringLower(Id)}+{Convert.ToBase64String([Type, .. publicKey])}";

    private byte[] Id => SHA256.HashData([.. Encoding.UTF8.GetBytes(Name), (byte)'\n', Type, .. publicKey])[..4];

    /// <summary>A signature line over the text of a checkpoint.</summary>
    public string Line(string text, ulong time = 1_780_000_000)
    {
        var seconds = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(seconds, time);
        byte[] signature = Type switch
        {
            1 => classical!.Sign(Encoding.UTF8.GetBytes(text)),
            4 => [.. seconds, .. classical!.Sign(Encoding.UTF8.GetBytes($"cosignature/v1\ntime {time}\n{text}"))],
            _ => [.. seconds, .. postQuantum!.SignData(Cosigned(text, seconds))],
        };
        return Line(signature);
    }

    public string Line(byte[] signature) => $"\u2014 {Name} {Convert.ToBase64String([.. Id, .. signature])}\n";

    private byte[] Cosigned(string text, byte[] seconds)
    {
        var lines = text.Split('\n');
        var end = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(end, ulong.Parse(lines[1], CultureInfo.InvariantCulture));
        var (cosigner, origin) = (Encoding.UTF8.GetBytes(Name), Encoding.UTF8.GetBytes(lines[0]));
        return
        [
            .. Encoding.ASCII.GetBytes("subtree/v1\n\0"), (byte)cosigner.Length, .. cosigner, .. seconds, (byte)origin.Length, .. origin,
            .. new byte[8], .. end, .. Convert.FromBase64String(lines[2]),
        ];
    }
}
