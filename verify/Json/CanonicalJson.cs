using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Bulkhead.Verify.Json;

/// <summary>A member of an object: where its name stands, quotes included, and where its value.</summary>
internal readonly record struct Member(Range Name, Range Value);

/// <summary>
/// Is this the canonical form of RFC 8785? Objects (members sorted by UTF-16, none twice), arrays, strings, integers within 2^53, booleans and
/// null; nothing between them. Fractions only where they are asked for: the values of an API have some, the bodies of entries do not.
/// </summary>
internal ref struct CanonicalJson
{
    public const int Deepest = 32;

    private static readonly SearchValues<byte> Stops = SearchValues.Create([.. Enumerable.Range(0, 32).Select(i => (byte)i), (byte)'"', (byte)'\\']);
    private static readonly SearchValues<byte> NumberBytes = SearchValues.Create("+-.0123456789Ee"u8);

    private readonly ReadOnlySpan<byte> text;
    private readonly bool fractions;
    private readonly List<Member>? members;
    private int at;

    private CanonicalJson(ReadOnlySpan<byte> text, bool fractions, List<Member>? members)
    {
        this.text = text;
        this.fractions = fractions;
        this.members = members;
    }

    /// <summary>Why it is not, or null. Of an object, the members of the outermost level are added to a list that is given.</summary>
    public static string? Fault(ReadOnlySpan<byte> text, List<Member>? members = null, bool fractions = false)
    {
        if (!Utf8.IsValid(text))
        {
            return "it is not UTF-8";
        }

        var json = new CanonicalJson(text, fractions, members);
        return json.Value(0) ?? (json.at == text.Length ? null : $"something follows it at byte {Number(json.at)}");
    }

    /// <summary>The canonical spelling of a string, without its quotes.</summary>
    public static byte[] Spell(string words)
    {
        var spelled = new StringBuilder();
        foreach (var c in words)
        {
            spelled.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\t' => "\\t",
                '\n' => "\\n",
                '\f' => "\\f",
                '\r' => "\\r",
                < ' ' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        }

        return Encoding.UTF8.GetBytes(spelled.ToString());
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string? Value(int depth)
    {
        if (at >= text.Length)
        {
            return "it ends too early";
        }

        switch (text[at])
        {
            case (byte)'{':
                return depth < Deepest ? Object(depth) : "it is nested too deeply";
            case (byte)'[':
                return depth < Deepest ? Array(depth) : "it is nested too deeply";
            case (byte)'"':
                return String();
            case (byte)'t':
                return Word("true"u8);
            case (byte)'f':
                return Word("false"u8);
            case (byte)'n':
                return Word("null"u8);
            default:
                return fractions ? Fraction() : Integer();
        }
    }

    private string? Object(int depth)
    {
        at++;
        if (Take((byte)'}'))
        {
            return null;
        }

        Range? before = null;
        while (true)
        {
            var name = at;
            if (at >= text.Length || text[at] != '"')
            {
                return $"a member has no name at byte {Number(at)}";
            }

            if (String() is { } fault)
            {
                return fault;
            }

            var named = name..at;
            if (before is { } last && Compare(text[last], text[named]) is >= 0 and var order)
            {
                return order == 0 ? $"a member stands twice at byte {Number(name)}" : $"its members are not sorted at byte {Number(name)}";
            }

            before = named;
            if (!Take((byte)':'))
            {
                return $"a colon is missing at byte {Number(at)}";
            }

            var start = at;
            if (Value(depth + 1) is { } inner)
            {
                return inner;
            }

            if (depth == 0)
            {
                members?.Add(new(named, start..at));
            }

            if (Take((byte)'}'))
            {
                return null;
            }

            if (!Take((byte)','))
            {
                return $"a comma is missing at byte {Number(at)}";
            }
        }
    }

    private string? Array(int depth)
    {
        at++;
        if (Take((byte)']'))
        {
            return null;
        }

        while (true)
        {
            if (Value(depth + 1) is { } inner)
            {
                return inner;
            }

            if (Take((byte)']'))
            {
                return null;
            }

            if (!Take((byte)','))
            {
                return $"a comma is missing at byte {Number(at)}";
            }
        }
    }

    private string? String()
    {
        at++;
        while (true)
        {
            var run = text[at..].IndexOfAny(Stops);
            if (run < 0)
            {
                return "a string does not end";
            }

            at += run;
            if (text[at] == '"')
            {
                at++;
                return null;
            }

            var length = EscapeLength(text[at..]);
            if (length == 0)
            {
                return $"a character is not spelled the canonical way at byte {Number(at)}";
            }

            at += length;
        }
    }

    // Only quote, backslash and control characters are escaped, and each in one way.
    private static int EscapeLength(ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 2 || rest[0] != '\\')
        {
            return 0;
        }

        if ("\"\\btnfr"u8.Contains(rest[1]))
        {
            return 2;
        }

        if (rest.Length < 6 || !rest[1..4].SequenceEqual("u00"u8) || rest[4] is not ((byte)'0' or (byte)'1'))
        {
            return 0;
        }

        var low = "0123456789abcdef"u8.IndexOf(rest[5]);
        var code = ((rest[4] - '0') * 16) + low;
        return low >= 0 && code is not (8 or 9 or 10 or 12 or 13) ? 6 : 0;
    }

    private string? Integer()
    {
        var start = at;
        var negative = Take((byte)'-');
        long number = 0;
        var digits = at;
        while (at < text.Length && text[at] is >= (byte)'0' and <= (byte)'9' && at - digits < 17)
        {
            number = (number * 10) + (text[at++] - '0');
        }

        var count = at - digits;
        return count == 0 ? $"there is no value at byte {Number(start)}"
            : (count > 1 && text[digits] == '0') || (number == 0 && negative) || number >= 1L << 53
                ? $"a number is not a canonical integer within 2^53 at byte {Number(start)}" : null;
    }

    private string? Fraction()
    {
        var rest = text[at..];
        var length = rest.IndexOfAnyExcept(NumberBytes);
        var number = length < 0 ? rest : rest[..length];
        if (number.IsEmpty)
        {
            return $"there is no value at byte {Number(at)}";
        }

        at += number.Length;
        var reader = new System.Text.Json.Utf8JsonReader(number);
        try
        {
            return reader.Read() && !reader.Read() ? null : "a number is malformed";
        }
        catch (System.Text.Json.JsonException)
        {
            return "a number is malformed";
        }
    }

    private string? Word(ReadOnlySpan<byte> word)
    {
        if (!text[at..].StartsWith(word))
        {
            return $"there is no value at byte {Number(at)}";
        }

        at += word.Length;
        return null;
    }

    private bool Take(byte expected)
    {
        if (at >= text.Length || text[at] != expected)
        {
            return false;
        }

        at++;
        return true;
    }

    private static int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        // The quotes are left out of it: they would stand above an exclamation mark.
        one = one[1..^1];
        other = other[1..^1];
        if (Ascii.IsValid(one) && Ascii.IsValid(other) && !one.Contains((byte)'\\') && !other.Contains((byte)'\\'))
        {
            return one.SequenceCompareTo(other);
        }

        return string.CompareOrdinal(Unescape(one), Unescape(other));
    }

    private static string Unescape(ReadOnlySpan<byte> spelled)
    {
        byte[] quoted = [(byte)'"', .. spelled, (byte)'"'];
        var reader = new System.Text.Json.Utf8JsonReader(quoted);
        reader.Read();
        return reader.GetString()!;
    }
}
