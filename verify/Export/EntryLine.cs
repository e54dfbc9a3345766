using System.Text.Json;
using System.Text.Unicode;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>One line of an entry; the same object is filled again for the next, so that ten million entries cost one buffer.</summary>
internal sealed class EntryLine
{
    private const int MostDisclosures = 1_000;

    private byte[] body = new byte[4096];
    private int length;

    public ulong Position { get; private set; }

    public ReadOnlySpan<byte> Body => body.AsSpan(0, length);

    public List<string> Disclosures { get; } = [];

    /// <summary>The type of the line; when it is that of an entry, the rest is here. Throws JsonException and FormatException.</summary>
    public string Read(ReadOnlySpan<byte> line)
    {
        if (!Utf8.IsValid(line))
        {
            throw new FormatException("it is not UTF-8");
        }

        var (type, hasBody, hasPosition, hasDisclosures, other) = (default(string), false, false, false, false);
        length = 0;
        Disclosures.Clear();
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = CanonicalJson.Deepest });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new FormatException("it is not a JSON object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("body"u8))
            {
                Once(ref hasBody, "body");
                ReadBody(ref reader);
            }
            else if (reader.ValueTextEquals("position"u8))
            {
                Once(ref hasPosition, "position");
                reader.Read();
                Position = reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out var position)
                    ? position : throw new FormatException("its position is not a whole number from 0");
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                type = type is null && reader.TokenType == JsonTokenType.String
                    ? reader.ValueTextEquals("entry"u8) ? "entry" : reader.GetString()
                    : throw new FormatException("its type is not one string");
            }
            else if (reader.ValueTextEquals("disclosures"u8))
            {
                Once(ref hasDisclosures, "disclosures");
                ReadDisclosures(ref reader);
            }
            else
            {
                other = true;
                reader.Read();
                reader.Skip();
            }
        }

        // Whatever follows the object is refused by this read.
        reader.Read();
        if (type == "entry" && (other || !hasBody || !hasPosition))
        {
            throw new FormatException("an entry has position, body, perhaps disclosures, and nothing else");
        }

        return type ?? throw new FormatException("it has no type");
    }

    private static void Once(ref bool seen, string name)
    {
        if (seen)
        {
            throw new FormatException($"{name} stands twice");
        }

        seen = true;
    }

    private void ReadBody(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new FormatException("its body is not a string");
        }

        if (body.Length < reader.ValueSpan.Length)
        {
            body = new byte[reader.ValueSpan.Length * 2];
        }

        length = reader.CopyString(body);
    }

    private void ReadDisclosures(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new FormatException("its disclosures are not an array");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String || Disclosures.Count == MostDisclosures)
            {
                throw new FormatException("a disclosure is not a string, or they are more than 1000");
            }

            Disclosures.Add(reader.GetString()!);
        }
    }
}
