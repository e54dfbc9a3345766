using System.Buffers.Binary;
using System.Text;

namespace Bulkhead.Verify.Totals;

internal enum TotalKind
{
    Total = 1,
    Below = 2,
    Each = 3,
}

/// <summary>Of a checkpoint, what a proof is bound to.</summary>
internal readonly record struct SizeAndRoot(ulong Size, Hash Root);

/// <summary>What is claimed of the numbers of one attribute at positions from ≤ i &lt; to. Number: the total, or the bound.</summary>
internal sealed record Statement(
    TotalKind Kind, string Tenant, string Origin, SizeAndRoot Older, SizeAndRoot Newer, ulong From, ulong To, string Attribute, UInt128 Number)
{
    public const int LongestText = 512;

    public static readonly UInt128 LargestBound = UInt128.One << 64;

    /// <summary>Why nothing can be proven of it, whatever the proof; null where something can.</summary>
    public string? Fault()
    {
        if (new[] { Tenant, Origin, Attribute }.Any(t => Encoding.UTF8.GetByteCount(t) is 0 or > LongestText))
        {
            return "tenant, origin and attribute have 1 to 512 bytes";
        }

        if (Older.Size > From || From > To || To > Newer.Size)
        {
            return $"its positions are not between its checkpoints, of sizes {Older.Size} and {Newer.Size}";
        }

        return Kind == TotalKind.Total || (Number >= 1 && Number <= LargestBound) ? null : "a bound is from 1 to 2^64";
    }

    public Transcript Begin()
    {
        var transcript = new Transcript();
        transcript.Append("kind", [(byte)Kind]);
        transcript.Append("tenant", Tenant);
        transcript.Append("origin", Origin);
        Append(transcript, "older", Older);
        Append(transcript, "newer", Newer);
        transcript.Append("from", From);
        transcript.Append("to", To);
        transcript.Append("attribute", Attribute);
        var number = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(number, Number);
        transcript.Append("number", number);
        return transcript;
    }

    private static void Append(Transcript transcript, string which, SizeAndRoot checkpoint)
    {
        transcript.Append($"{which} size", checkpoint.Size);
        var root = new byte[Hash.Size];
        checkpoint.Root.Write(root);
        transcript.Append($"{which} root", root);
    }
}
