using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>A number that an entry is committed to: the name of its attribute, and the point in its 33 bytes, of which nothing is known yet.</summary>
internal readonly record struct Commitment(string Attribute, byte[] Point)
{
    public const int Size = 33;
    private const int LongestName = 64;

    private static readonly SearchValues<char> NameLetters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Such names have one spelling in JSON, and their order by UTF-16 is that of their bytes.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && char.IsAsciiLetter(name[0]) && !name.AsSpan().ContainsAnyExcept(NameLetters);
}

/// <summary>One line of an entry; the same object is filled again for the next, so that ten million entries cost one buffer.</summary>
internal sealed class EntryLine
{
    private const int MostDisclosures = 1_000;
    private const int MostCommitments = 1_000;

    private readonly ArrayBufferWriter<byte> leaf = new(256);
    private readonly byte[] digest = new byte[Hash.Size];
    private byte[] body = new byte[4096];
    private int length;

    public ulong Position { get; private set; }

    /// <summary>Only the digest of a body may be there.</summary>
    public bool IsShown { get; private set; }

    public ReadOnlySpan<byte> Body => body.AsSpan(0, length);

    public List<string> Disclosures { get; } = [];

    /// <summary>In the order of their names, as the leaf has them.</summary>
    public List<Commitment> Commitments { get; } = [];

    /// <summary>Of SHA-256 of the body, and of the commitments in canonical JSON behind it.</summary>
    public Hash Leaf()
    {
        leaf.ResetWrittenCount();
        if (IsShown)
        {
            SHA256.HashData(Body, digest);
        }

        leaf.Write(digest);
        for (var i = 0; i < Commitments.Count; i++)
        {
            var (name, point) = Commitments[i];
            leaf.Write(i == 0 ? "{\""u8 : ",\""u8);
            Encoding.ASCII.GetBytes(name, leaf);
            leaf.Write("\":\""u8);
            Encoding.ASCII.GetBytes(Convert.ToBase64String(point), leaf);
            leaf.Write("\""u8);
        }

        leaf.Write(Commitments.Count > 0 ? "}"u8 : default);
        return Hash.Leaf(leaf.WrittenSpan);
    }

    /// <summary>The type of the line; when it is that of an entry, the rest is here. Throws JsonException and FormatException.</summary>
    public string Read(ReadOnlySpan<byte> line)
    {
        if (!Utf8.IsValid(line))
        {
            throw new FormatException("it is not UTF-8");
        }

        var (type, hasBody, hasDigest, hasPosition) = (default(string), false, false, false);
        var (hasDisclosures, hasCommitments, other) = (false, false, false);
        length = 0;
        Disclosures.Clear();
        Commitments.Clear();
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
            else if (reader.ValueTextEquals("digest"u8))
            {
                Once(ref hasDigest, "digest");
                ReadDigest(ref reader);
            }
            else if (reader.ValueTextEquals("commitments"u8))
            {
                Once(ref hasCommitments, "commitments");
                ReadCommitments(ref reader);
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
        IsShown = hasBody;
        if (type == "entry" && (other || hasBody == hasDigest || !hasPosition || (hasDisclosures && hasDigest)))
        {
            throw new FormatException(
                "an entry has position, either body, perhaps with disclosures, or digest, perhaps commitments, and nothing else");
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

    private void ReadDigest(ref Utf8JsonReader reader)
    {
        reader.Read();
        var bytes = reader.TokenType == JsonTokenType.String ? StrictBase64.Decode(reader.GetString()!) : null;
        if (bytes is not { Length: Hash.Size })
        {
            throw new FormatException("its digest is not the base64 of a hash");
        }

        bytes.CopyTo(digest, 0);
    }

    private void ReadCommitments(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new FormatException("its commitments are not an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!Commitment.IsName(name) || Commitments.Count == MostCommitments)
            {
                throw new FormatException("the name of a commitment is not one, or they are more than 1000");
            }

            reader.Read();
            var point = reader.TokenType == JsonTokenType.String ? StrictBase64.Decode(reader.GetString()!) : null;
            if (point is not { Length: Commitment.Size })
            {
                throw new FormatException($"its commitment {name} is not the base64 of {Commitment.Size} bytes");
            }

            Commitments.Add(new(name, point));
        }

        Commitments.Sort((one, other) => string.CompareOrdinal(one.Attribute, other.Attribute));
        for (var i = 1; i < Commitments.Count; i++)
        {
            if (Commitments[i].Attribute == Commitments[i - 1].Attribute)
            {
                throw new FormatException($"its commitment {Commitments[i].Attribute} stands twice");
            }
        }

        if (Commitments.Count == 0)
        {
            throw new FormatException("its commitments are empty: an entry without any has no such member");
        }
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
