using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Verify.Counting;
using Bulkhead.Verify.Export;

namespace Bulkhead.Verify;

/// <param name="Grouping">Null when only the number was asked for.</param>
internal sealed record Counted(long Count, string Conditions, Grouping? Grouping);

/// <summary>The findings line by line for people, or as one JSON object for programs; and the exit code.</summary>
internal static class Report
{
    private static readonly JsonWriterOptions Readable = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static int Write(Findings findings, bool json, TextWriter output, Counted? counted = null)
    {
        if (json)
        {
            WriteJson(findings, output, counted);
        }
        else
        {
            WriteWords(findings, output, counted);
        }

        return findings.Holds ? CommandLine.Holds : CommandLine.DoesNotHold;
    }

    private static void WriteWords(Findings findings, TextWriter output, Counted? counted)
    {
        WriteEach("holds  ", findings.Held, output);
        WriteEach("BROKEN ", findings.Broken.Select(b => b.Text), output);
        WriteEach("note   ", findings.Remarks, output);
        if (counted is not null && findings.Holds)
        {
            WriteEach("count  ", [$"{Plural.Words(counted.Count, "entry", "entries")} with {counted.Conditions}", .. By(counted.Grouping)], output);
        }

        output.WriteLine(findings.Holds ? "It holds." : counted is null ? "It does not hold." : "It does not hold: nothing is counted.");
    }

    private static IEnumerable<string> By(Grouping? grouping)
    {
        foreach (var (value, count) in grouping?.Counts ?? [])
        {
            yield return $"  {Plural.Words(count, "entry", "entries")} {(value is null ? $"without {grouping!.Name}" : $"of {grouping!.Name} {value}")}";
        }

        if (grouping?.Others > 0)
        {
            yield return $"  {Plural.Words(grouping.Others, "entry", "entries")} of other values";
        }
    }

    private static void WriteGroups(Utf8JsonWriter json, Grouping? grouping)
    {
        if (grouping is null)
        {
            return;
        }

        json.WriteStartArray("by");
        foreach (var (value, count) in grouping.Counts)
        {
            json.WriteStartObject();
            json.WriteString(grouping.Name, value);
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("others", grouping.Others);
    }

    // A control character in a name of the export would rewrite what the terminal shows.
    private static void WriteEach(string kind, IEnumerable<string> sentences, TextWriter output)
    {
        foreach (var sentence in sentences)
        {
            output.WriteLine(kind + Printable.Of(sentence));
        }
    }

    private static void WriteJson(Findings findings, TextWriter output, Counted? counted)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Readable))
        {
            json.WriteStartObject();
            json.WriteBoolean("holds", findings.Holds);
            if (counted is not null && findings.Holds)
            {
                json.WriteNumber("count", counted.Count);
                json.WriteString("where", counted.Conditions);
                WriteGroups(json, counted.Grouping);
            }

            WriteTexts(json, "held", findings.Held);
            if (findings.Totals.Count > 0)
            {
                WriteTotals(json, findings.Totals);
            }

            json.WriteStartArray("broken");
            foreach (var broken in findings.Broken)
            {
                json.WriteStartObject();
                json.WriteString("flaw", JsonNamingPolicy.KebabCaseLower.ConvertName(broken.Flaw.ToString()));
                json.WriteString("text", broken.Text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteTexts(json, "notes", findings.Remarks);
            json.WriteEndObject();
        }

        output.WriteLine(Escaped(Encoding.UTF8.GetString(bytes.ToArray())));
    }

    // Everything but the line's ends, which are this program's own.
    private static string Escaped(string json) => string.Concat(json.EnumerateRunes().Select(rune =>
        rune.Value == '\n' || Printable.IsHarmless(rune) ? rune.ToString() : string.Concat(rune.ToString().Select(c => $"\\u{(int)c:x4}"))));

    // Numbers that may be above 2^53 are strings.
    private static void WriteTotals(Utf8JsonWriter json, IEnumerable<ProvenTotal> totals)
    {
        json.WriteStartArray("totals");
        foreach (var (line, entries, olderTime, newerSize, newerTime) in totals)
        {
            json.WriteStartObject();
            json.WriteString("kind", JsonNamingPolicy.CamelCase.ConvertName(line.Kind.ToString()));
            json.WriteString("attribute", line.Attribute);
            json.WriteString("number", line.Number.ToString(CultureInfo.InvariantCulture));
            json.WriteNumber("from", line.From);
            json.WriteNumber("to", line.To);
            json.WriteNumber("entries", entries);
            WriteCheckpoint(json, "older", line.Older, olderTime);
            WriteCheckpoint(json, "newer", newerSize, newerTime);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteCheckpoint(Utf8JsonWriter json, string name, ulong size, ulong? time)
    {
        json.WriteStartObject(name);
        json.WriteNumber("size", size);
        if (time is { } seconds)
        {
            json.WriteNumber("time", seconds);
        }

        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }
}
