using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Proofs;

internal enum StatementKind : byte
{
    /// <summary>The values of all acts in the range add up to a number.</summary>
    Total = 1,

    /// <summary>They add up to less than a bound.</summary>
    TotalBelow = 2,

    /// <summary>Each of them is below a bound.</summary>
    EachBelow = 3,
}

/// <summary>What a signed checkpoint says of the log.</summary>
internal sealed record TreeHead
{
    public TreeHead(ulong size, ReadOnlySpan<byte> root)
    {
        if (root.Length != SHA256.HashSizeInBytes)
        {
            throw new ArgumentException("A root hash has 32 bytes", nameof(root));
        }

        Size = size;
        Root = root.ToArray();
    }

    public ulong Size { get; }

    public ReadOnlyMemory<byte> Root { get; }
}

/// <summary>Positions of a tenant's log, From inclusive, To exclusive, between two of its checkpoints.</summary>
internal sealed record LogRange
{
    public LogRange(string tenant, string origin, TreeHead older, TreeHead newer, ulong from, ulong to)
    {
        if (older.Size > from || from > to || to > newer.Size)
        {
            throw new ArgumentException("The range does not lie between the two checkpoints", nameof(from));
        }

        (Tenant, Origin, Older, Newer, From, To) = (Statement.Named(tenant), Statement.Named(origin), older, newer, from, to);
    }

    public string Tenant { get; }

    public string Origin { get; }

    public TreeHead Older { get; }

    public TreeHead Newer { get; }

    public ulong From { get; }

    public ulong To { get; }
}

/// <summary>
/// What is claimed of one attribute of the acts in a range. All of it is in the transcript before the first challenge is drawn, so a proof
/// is a proof of this statement and no other.
/// </summary>
internal sealed class Statement
{
    /// <summary>Longest name, in bytes of UTF-8.</summary>
    public const int LongestName = 512;

    /// <summary>The bound that says no more than that a value is a number of 64 bits; none is higher.</summary>
    public static readonly UInt128 HighestBound = UInt128.One << Generators.Bits;

    private Statement(StatementKind kind, LogRange range, string attribute, UInt128 number) =>
        (Kind, Range, Attribute, Number) = (kind, range, Named(attribute), number);

    public StatementKind Kind { get; }

    public LogRange Range { get; }

    public string Attribute { get; }

    /// <summary>The total or the bound.</summary>
    public UInt128 Number { get; }

    /// <summary>
    /// Range proofs for each value: one that it is a number of 64 bits, and unless that says it all, one for its distance to the bound.
    /// </summary>
    public int RangeProofs => Kind == StatementKind.Total ? 0 : Number == HighestBound ? 1 : 2;

    public static Statement Total(LogRange range, string attribute, UInt128 total) => new(StatementKind.Total, range, attribute, total);

    public static Statement TotalBelow(LogRange range, string attribute, UInt128 bound) =>
        new(StatementKind.TotalBelow, range, attribute, Bounded(bound));

    public static Statement EachBelow(LogRange range, string attribute, UInt128 bound) =>
        new(StatementKind.EachBelow, range, attribute, Bounded(bound));

    public Transcript Begin(Generators generators)
    {
        var transcript = new Transcript(generators);
        transcript.Append("kind"u8, [(byte)Kind]);
        transcript.Append("tenant"u8, Encoding.UTF8.GetBytes(Range.Tenant));
        transcript.Append("origin"u8, Encoding.UTF8.GetBytes(Range.Origin));
        transcript.Append("older size"u8, Range.Older.Size);
        transcript.Append("older root"u8, Range.Older.Root.Span);
        transcript.Append("newer size"u8, Range.Newer.Size);
        transcript.Append("newer root"u8, Range.Newer.Root.Span);
        transcript.Append("from"u8, Range.From);
        transcript.Append("to"u8, Range.To);
        transcript.Append("attribute"u8, Encoding.UTF8.GetBytes(Attribute));
        transcript.Append("number"u8, Number);
        return transcript;
    }

    internal static string Named(string name)
    {
        // Text that is no Unicode would be written with replacements, and two names could look the same.
        if (name.Length == 0 || new UTF8Encoding(false, throwOnInvalidBytes: true).GetByteCount(name) > LongestName)
        {
            throw new ArgumentException("A name has 1 to 512 bytes", nameof(name));
        }

        return name;
    }

    private static UInt128 Bounded(UInt128 bound)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bound, HighestBound);
        return bound;
    }
}
