using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Verify;
using Bulkhead.Verify.Export;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>An export as the document describes it, line by line, so that a test can spoil any of them. The end is made last, to fit.</summary>
internal sealed class TestExport
{
    private TestExport(TenantLog log, HeadsLog heads) => (Log, Heads) = (log, heads);

    // As few escapes as can be: \u002B and \u002b are the same, and a test that flips bytes would meet that.
    private static readonly JsonSerializerOptions Spelling = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public TenantLog Log { get; }

    public HeadsLog Heads { get; }

    public List<JsonObject> Lines { get; } = [];

    /// <summary>Made anew from the lines unless a test sets it.</summary>
    public JsonObject? End { get; set; }

    public static TestExport Of(
        TenantLog log, int from, int to, int? size = null, int[]? earlier = null, bool tiles = false, HeadsLog? heads = null, Func<int, string[]>? disclosed = null)
    {
        var export = new TestExport(log, heads ?? new HeadsLog());
        var whole = size ?? log.Leaves.Count;
        export.Lines.Add(new()
        {
            ["type"] = "header",
            ["format"] = "bulkhead-export/1",
            ["origin"] = log.Origin,
            ["logKeys"] = new JsonArray(log.Key.VKey),
            ["headsOrigin"] = export.Heads.Origin,
            ["headsKeys"] = new JsonArray(export.Heads.Key.VKey),
            ["from"] = from,
            ["to"] = to,
            ["selection"] = "all",
        });
        for (var i = from; i < to; i++)
        {
            if (tiles && (i == from || i % 256 == 0))
            {
                export.Lines.Add(Tile(log, i, to));
            }

            export.Lines.Add(new() { ["type"] = "entry", ["position"] = i, ["body"] = log.Bodies[i] });
            if (log.Commitments[i] is { Count: > 0 } commitments)
            {
                export.Lines[^1]["commitments"] = new JsonObject(
                    commitments.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)Convert.ToBase64String(c.Value))));
            }

            if (disclosed?.Invoke(i) is { } shown)
            {
                export.Lines[^1]["disclosures"] = new JsonArray([.. shown.Select(s => JsonValue.Create(s))]);
            }
        }

        export.Lines.Add(new() { ["type"] = "checkpoint", ["note"] = log.Note(whole) });
        export.Lines.Add(new()
        {
            ["type"] = "range",
            ["from"] = from,
            ["to"] = to,
            ["size"] = whole,
            ["proof"] = TestLog.Base64(NaiveTree.Range(from, to, [.. log.Leaves.Take(whole)])),
        });
        foreach (var small in earlier ?? [])
        {
            export.Lines.Add(new() { ["type"] = "earlier", ["note"] = log.Note(small), ["proof"] = log.Consistency(small, whole) });
        }

        return export;
    }

    public static JsonObject Tile(TenantLog log, int first, int to) => new()
    {
        ["type"] = "tile",
        ["index"] = first / 256,
        ["hashes"] = Convert.ToBase64String(
            [.. log.Leaves.Take(Math.Min(to, ((first / 256) + 1) * 256)).Skip(first).SelectMany(NaiveTree.Leaf)]),
    };

    public TestExport WithHead(int position, string? note = null, params TestKey[] witnesses)
    {
        Lines.Add(new()
        {
            ["type"] = "head",
            ["position"] = position,
            ["leaf"] = Convert.ToBase64String(Heads.Leaves[position]),
            ["proof"] = TestLog.Base64(NaiveTree.Path(position, Heads.Leaves.ToArray())),
            ["note"] = note ?? Heads.Note(Heads.Leaves.Count, witnesses),
        });
        return this;
    }

    public TestExport WithAllHeads()
    {
        Lines.Add(new() { ["type"] = "heads", ["leaves"] = TestLog.Base64(Heads.Leaves) });
        return this;
    }

    public JsonObject Entry(int position) => Lines.Single(l => (string?)l["type"] == "entry" && (int)l["position"]! == position);

    public JsonObject Line(string type) => Lines.First(l => (string?)l["type"] == type);

    /// <summary>Leaves the digest of its body, and its commitments.</summary>
    public TestExport Hide(int position)
    {
        var entry = Entry(position);
        entry["digest"] = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes((string)entry["body"]!)));
        entry.Remove("body");
        entry.Remove("disclosures");
        return this;
    }

    public TestExport EditBody(int position, Func<string, string> edit)
    {
        var entry = Entry(position);
        var edited = edit((string)entry["body"]!);
        Assert.NotEqual((string)entry["body"]!, edited);
        entry["body"] = edited;
        return this;
    }

    public byte[] Bytes()
    {
        var before = Encoding.UTF8.GetBytes(string.Concat(Lines.Select(l => l.ToJsonString(Spelling) + "\n")));
        var end = End ?? EndOf(before, Lines.Count(l => (string?)l["type"] == "entry"));
        return [.. before, .. Encoding.UTF8.GetBytes(end.ToJsonString() + "\n")];
    }

    public static JsonObject EndOf(byte[] before, int entries) => new()
    {
        ["type"] = "end",
        ["entries"] = entries,
        ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(before)),
    };

    public Findings Verify(params TestKey[] witnesses) => VerifyBytes(Bytes(), Trust(witnesses, witnesses.Length));

    public Findings Verify(Trust trust) => VerifyBytes(Bytes(), trust);

    public static Findings VerifyBytes(byte[] bytes, Trust trust, params IEntryObserver[] observers)
    {
        var findings = new Findings();
        ExportVerification.Run(() => new ExportLines(new MemoryStream(bytes)), trust, observers, findings);
        return findings;
    }

    /// <summary>The right keys, and the witnesses that are named.</summary>
    public Trust Trust(TestKey[]? witnesses = null, int threshold = 0) => new(
        [.. Log.SignsToo.Prepend(Log.Key).Select(Key)],
        [.. Heads.SignsToo.Prepend(Heads.Key).Select(Key)],
        Log.Origin,
        witnesses is { Length: > 0 } ? Policy(threshold, witnesses) : null);

    public static WitnessPolicy Policy(int threshold, params TestKey[] witnesses) => WitnessPolicy.TryParse(
        [.. witnesses.Select(w => $"witness {w.Name} {w.VKey}"), string.Create(CultureInfo.InvariantCulture, $"threshold {threshold}")], out var why)
        ?? throw new InvalidOperationException(why);

    public static VerifierKey Key(TestKey key) => VerifierKey.TryParse(key.VKey, out var why) ?? throw new InvalidOperationException(why);

    public static void AssertHolds(Findings findings) => Assert.Empty(findings.Broken);

    /// <summary>That it is broken, how it is named, and what is said of it.</summary>
    public static void AssertBroken(Findings findings, Flaw flaw, string said)
    {
        Assert.False(findings.Holds);
        Assert.True(
            findings.Broken.Any(b => b.Flaw == flaw && b.Text.Contains(said, StringComparison.Ordinal)),
            $"'{said}' ({flaw}) is not among: {string.Join("; ", findings.Broken)}");
    }
}
