using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>The members of a line that is no entry: those that its type has, no other, none twice. What is not so is a FormatException.</summary>
internal readonly struct LineMembers
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = CanonicalJson.Deepest };

    private readonly JsonElement line;

    private LineMembers(JsonElement line) => this.line = line;

    public static LineMembers Read(ReadOnlySpan<byte> line, params ReadOnlySpan<string> names)
    {
        using var document = JsonDocument.Parse(line.ToArray(), Strict);
        foreach (var member in document.RootElement.EnumerateObject())
        {
            if (member.Name != "type" && !names.Contains(member.Name))
            {
                throw new FormatException($"a member is not known here: {(member.Name.Length > 100 ? member.Name[..100] : member.Name)}");
            }
        }

        return new(document.RootElement.Clone());
    }

    public bool Has(string name) => line.TryGetProperty(name, out _);

    public string Text(string name) => Member(name) is { ValueKind: JsonValueKind.String } text
        ? text.GetString()! : throw new FormatException($"{name} is not a string");

    public ulong Number(string name) => Member(name) is { ValueKind: JsonValueKind.Number } number && number.TryGetUInt64(out var value)
        && value <= Notes.Checkpoint.LargestSize ? value : throw new FormatException($"{name} is not a whole number from 0 to 2^53 - 1");

    public ImmutableArray<string> Texts(string name)
    {
        if (Member(name) is not { ValueKind: JsonValueKind.Array } array)
        {
            throw new FormatException($"{name} is not an array");
        }

        return [.. array.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String
            ? e.GetString()! : throw new FormatException($"{name} holds something that is not a string"))];
    }

    public ImmutableArray<Hash> Hashes(string name) =>
        [.. Texts(name).Select(h => Hash.FromBase64(h) ?? throw new FormatException($"{name} holds something that is not the base64 of a hash"))];

    private JsonElement Member(string name) => line.TryGetProperty(name, out var value) ? value : throw new FormatException($"{name} is missing");
}
