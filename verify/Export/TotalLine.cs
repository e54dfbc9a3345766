using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Verify.Totals;

namespace Bulkhead.Verify.Export;

/// <summary>A line that claims something of the numbers of an attribute, as it stands there.</summary>
internal sealed record TotalLine(
    TotalKind Kind, string Attribute, UInt128 Number, ulong Older, ulong From, ulong To, ImmutableArray<byte[]> Proofs)
{
    public string Claim => string.Create(CultureInfo.InvariantCulture, $"{Subject} {Positions} is {(Kind == TotalKind.Total ? "" : "below ")}{Number}");

    public string Subject => Kind == TotalKind.Each ? $"each {Attribute}" : $"the total of {Attribute}";

    private string Positions => From == To
        ? string.Create(CultureInfo.InvariantCulture, $"at no position, from {From} to {To},")
        : string.Create(CultureInfo.InvariantCulture, $"at positions {From} to {To - 1}");

    /// <summary>Throws FormatException for what is no such line.</summary>
    public static TotalLine Read(ReadOnlySpan<byte> text)
    {
        var line = LineMembers.Read(text, "kind", "attribute", "number", "older", "from", "to", "proof", "proofs");
        var kind = line.Text("kind") switch
        {
            "total" => TotalKind.Total,
            "below" => TotalKind.Below,
            "each" => TotalKind.Each,
            _ => throw new FormatException("its kind is not total, below or each"),
        };
        if (line.Has("proof") == (kind == TotalKind.Each) || line.Has("proofs") != (kind == TotalKind.Each))
        {
            throw new FormatException("total and below have one proof, and each has proofs");
        }

        var attribute = line.Text("attribute");
        if (!Commitment.IsName(attribute))
        {
            throw new FormatException("its attribute is not the name of one");
        }

        ImmutableArray<string> proofs = kind == TotalKind.Each ? line.Texts("proofs") : [line.Text("proof")];
        return new(
            kind,
            attribute,
            ReadNumber(line.Text("number")) ?? throw new FormatException("its number is not decimal, without leading zeros, and below 2^128"),
            line.Number("older"),
            line.Number("from"),
            line.Number("to"),
            [.. proofs.Select(p => StrictBase64.Decode(p) ?? throw new FormatException("a proof is not base64"))]);
    }

    /// <summary>Decimal without a sign, spaces or leading zeros.</summary>
    public static UInt128? ReadNumber(string text) =>
        UInt128.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number.ToString(CultureInfo.InvariantCulture) == text ? number : null;
}

/// <summary>A claim that holds, with how many entries have the attribute; the times are those of the checkpoints, none of the empty log.</summary>
internal sealed record ProvenTotal(TotalLine Line, ulong Entries, ulong? OlderTime, ulong NewerSize, ulong NewerTime);
