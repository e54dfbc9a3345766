using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>What the auditor trusts; what is empty here is taken from the export, and then nobody vouches for it.</summary>
internal sealed record Trust(ImmutableArray<VerifierKey> Log, ImmutableArray<VerifierKey> Heads, string? Origin, WitnessPolicy? Witnesses);

internal sealed record ExportHeader(
    string Origin, string Tenant, ImmutableArray<string> LogKeys, string? HeadsOrigin, ImmutableArray<string> HeadsKeys, ulong From, ulong To)
{
    public const string Format = "bulkhead-export/1";
    private const string Prefix = "bulkhead-audit/";

    /// <summary>By this name, and no other, the tenant's heads stand in the log of heads.</summary>
    public byte[] Label { get; } = SHA256.HashData([.. "bulkhead/v1 head\0"u8, .. Encoding.UTF8.GetBytes(Origin)]);

    public static ExportHeader Read(ReadOnlySpan<byte> line)
    {
        var members = LineMembers.Read(line, "format", "origin", "logKeys", "headsOrigin", "headsKeys", "from", "to", "selection");
        if (members.Text("format") != Format)
        {
            throw new FormatException($"its format is not {Format}");
        }

        var origin = members.Text("origin");
        if (!origin.StartsWith(Prefix, StringComparison.Ordinal) || !Guid.TryParseExact(origin[Prefix.Length..], "D", out var tenant)
            || tenant.ToString("D") != origin[Prefix.Length..])
        {
            throw new FormatException($"its origin is not {Prefix} and a UUID in lower case");
        }

        var (from, to) = (members.Number("from"), members.Number("to"));
        return from > to
            ? throw new FormatException("its positions end before they begin")
            : new(
                origin,
                tenant.ToString("D"),
                members.Has("logKeys") ? members.Texts("logKeys") : [],
                members.Has("headsOrigin") ? members.Text("headsOrigin") : null,
                members.Has("headsKeys") ? members.Texts("headsKeys") : [],
                from,
                to);
    }
}
