using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Platform.Audit;
using Bulkhead.Tests.Unit.Access;

namespace Bulkhead.Tests.Unit.Audit;

public sealed partial class AuditEventsTests
{
    [Fact]
    public void Every_action_in_the_sources_is_in_the_catalogue()
    {
        var found = Sources()
            .SelectMany(file => Named().Matches(file.Text).Concat(Given().Matches(file.Text)).Select(m => (Name: m.Groups[1].Value, File: file.Name)))
            .ToArray();
        Assert.True(found.Length > 50, "The sources are read.");
        Assert.Empty(found.Where(f => !AuditEvents.All.ContainsKey(f.Name)).Select(f => $"{f.Name} in {f.File}").Distinct());
    }

    [Fact]
    public void Every_action_in_the_catalogue_is_in_the_sources()
    {
        var all = string.Concat(Sources().Select(file => file.Text));
        Assert.All(AuditEvents.All.Keys, name => Assert.Contains($"\"{name}\"", all, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_detail_in_the_catalogue_is_in_the_sources()
    {
        var all = string.Concat(Sources().Select(file => file.Text));
        Assert.All(
            AuditEvents.All.Values.SelectMany(type => type.Details).Distinct(),
            detail => Assert.Contains($"\"{detail.Split('{')[0]}", all, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_class_has_the_activity_that_it_is_mapped_to() => Assert.All(AuditEvents.All.Values, type => Assert.True(
        type.Class switch
        {
            OcsfClass.EntityManagement or OcsfClass.ApiActivity => type.Activity is >= 1 and <= 4,
            OcsfClass.DatastoreActivity => type.Activity is >= 1 and <= 10,
            OcsfClass.Authentication => type.Activity == 1,
            OcsfClass.AccountChange => type.Activity is 1 or 4,
            _ => false,
        },
        type.Name));

    /// <summary>Written anew with BULKHEAD_WRITE_DOCS=1.</summary>
    [Fact]
    public void The_committed_catalogue_is_the_one_of_the_sources()
    {
        var path = Repository.PathOf("docs", "audit-events.md");
        if (Environment.GetEnvironmentVariable("BULKHEAD_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, Document());
        }

        Assert.Equal(Document(), File.ReadAllText(path));
    }

    [Fact]
    public void An_entry_becomes_an_event_that_says_who_what_when_and_that_it_proves_nothing()
    {
        var json = Ocsf(
            """
            {"action":"data.read","actor":{"id":"c-1","kind":"service","roles":["clinician"]},"app":"clinic@1","at":"2026-01-02T03:04:05.678901Z","details":{"expand":"visits"},"entity":"patient","id":"0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d9e","purpose":"treatment","records":{"ids":["0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d9f"]},"request":"r","result":"ok","tenant":"0192f0c4-7a3e-7b60-9d1e-2f5a6b7c8d90"}
            """);
        Assert.Equal((6, 6005, 1, 600501L, 1, 1), (
            Number(json, "category_uid"), Number(json, "class_uid"), Number(json, "activity_id"), json.GetProperty("type_uid").GetInt64(),
            Number(json, "severity_id"), Number(json, "status_id")));
        Assert.Equal(DateTimeOffset.Parse("2026-01-02T03:04:05.678Z", null).ToUnixTimeMilliseconds(), json.GetProperty("time").GetInt64());
        Assert.Equal("c-1", json.GetProperty("actor").GetProperty("user").GetProperty("uid").GetString());
        Assert.Equal("patient", json.GetProperty("table").GetProperty("name").GetString());
        Assert.Equal("treatment", json.GetProperty("unmapped").GetProperty("purpose").GetString());
        var metadata = json.GetProperty("metadata");
        Assert.Equal(("data.read", 7), (metadata.GetProperty("event_code").GetString(), Number(metadata, "sequence")));
        Assert.Equal("unproven", Assert.Single(metadata.GetProperty("labels").EnumerateArray()).GetString());
    }

    [Theory]
    [InlineData("token.issue", 3002, "user")]
    [InlineData("keys.revoke", 3004, "entity")]
    [InlineData("audit.read", 6003, "api")]
    [InlineData("operator.put", 3001, "user")]
    [InlineData("of.another.version", 6003, "api")]
    public void A_refused_act_of_every_class_is_a_failure_and_has_what_its_class_demands(string action, int category, string member)
    {
        var json = Ocsf($$"""{"action":"{{action}}","at":"2026-01-02T03:04:05.678901Z","reason":"not-found","result":"denied"}""");
        Assert.Equal((category, 2), (Number(json, "class_uid"), Number(json, "status_id")));
        Assert.Equal("not-found", json.GetProperty("status_detail").GetString());
        Assert.True(Number(json, "severity_id") >= 2);
        Assert.Equal(JsonValueKind.Object, json.GetProperty(member).ValueKind);
    }

    private static JsonElement Ocsf(string body)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            OcsfEvent.Write(json, 7, body);
        }

        return JsonDocument.Parse(buffer.WrittenMemory).RootElement;
    }

    private static int Number(JsonElement json, string name) => json.GetProperty(name).GetInt32();

    private static string Document()
    {
        var text = new StringBuilder("""
            # Audit events

            Every action that an entry of the audit log may name. Names are added, never renamed and never given another meaning. An entry with
            `result` `denied` is of an attempt at the act, with the code of the refusal in `reason` ([errors](errors.md)). What every entry has:
            [formats/audit-log.md](formats/audit-log.md). `details` are words of the platform, never values of fields.

            The last column is the event of the [Open Cybersecurity Schema Framework](https://schema.ocsf.io) 1.3 that an export with
            `format=ocsf` makes of it: class, activity and severity (1 informational, 2 low, 3 medium, 4 high; a refused act at least 2).
            `unmapped` has what the framework has no place for. Such an export proves nothing, and says so in each event
            (`metadata.labels`: `unproven`) and in the header `Audit-Proofs: none`. What entries do not know is `unknown`
            (`src_endpoint`). This page is made from `AuditEvents`; a test compares it with the sources.

            | action | meaning | details | OCSF class, activity, severity |
            |---|---|---|---|

            """);
        foreach (var type in AuditEvents.All.Values.OrderBy(type => type.Name, StringComparer.Ordinal))
        {
            text.Append("| `").Append(type.Name).Append("` | ").Append(type.Meaning).Append(" | ")
                .AppendJoin(", ", type.Details.Select(detail => $"`{detail}`")).Append(" | ")
                .Append((int)type.Class).Append(", ").Append(type.Activity).Append(", ").Append((int)type.Severity).Append(" |\n");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static IEnumerable<(string Name, string Text)> Sources() =>
        new[] { "Kernel", "Platform", "Gateway", "Host" }
            .SelectMany(project => Directory.EnumerateFiles(Repository.PathOf("src", project), "*.cs", SearchOption.AllDirectories))
            .Where(path => Path.GetFileName(path) != "AuditEvents.cs")
            .Select(path => (Path.GetFileName(path), File.ReadAllText(path)));

    /// <summary>Wherever it stands: what begins as actions do.</summary>
    [GeneratedRegex("\"((?:data|keys|audit|tenant|token|operator|idempotency|role)(?:\\.[a-z]+)+|(?:app\\.deploy|witness\\.(?:put|remove)))\"")]
    private static partial Regex Named();

    /// <summary>However it begins: what is given as an action.</summary>
    [GeneratedRegex("(?:new AuditEvent\\(|Action = )\"([^\"]+)\"")]
    private static partial Regex Given();
}
