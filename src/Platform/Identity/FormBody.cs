using System.Text;

namespace Bulkhead.Platform.Identity;

/// <summary>
/// Parameters of a form body (application/x-www-form-urlencoded), read strictly: what two readers could understand in two ways
/// is refused. Parameters without a value count as omitted (RFC 6749 section 3.2).
/// </summary>
internal sealed class FormBody
{
    /// <summary>Bytes. A client assertion of any kind fits many times.</summary>
    public const int MaxSize = 8 * 1024;

    private const int MaxParameters = 32;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, string> _values;

    private FormBody(Dictionary<string, string> values) => _values = values;

    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>Null when it is malformed, names a parameter twice or has too many.</summary>
    public static FormBody? Parse(ReadOnlySpan<byte> body)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var range in body.Split((byte)'&'))
        {
            var pair = body[range];
            if (pair.IsEmpty)
            {
                continue;
            }

            var equals = pair.IndexOf((byte)'=');
            var name = Decode(equals < 0 ? pair : pair[..equals]);
            var value = Decode(equals < 0 ? [] : pair[(equals + 1)..]);
            if (name is null || value is null || !seen.Add(name) || seen.Count > MaxParameters)
            {
                return null;
            }

            if (value.Length > 0)
            {
                values.Add(name, value);
            }
        }

        return new(values);
    }

    /// <summary>Decodes one name or value; null when an escape or the UTF-8 beneath is broken, or a control character is in it.</summary>
    public static string? Decode(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length > MaxSize)
        {
            return null;
        }

        var decoded = new byte[encoded.Length];
        var length = 0;
        for (var i = 0; i < encoded.Length; i++)
        {
            var b = encoded[i];
            if (b == '%')
            {
                if (i + 2 >= encoded.Length
                    || !char.IsAsciiHexDigit((char)encoded[i + 1])
                    || !char.IsAsciiHexDigit((char)encoded[i + 2]))
                {
                    return null;
                }

                b = (byte)((Hex(encoded[i + 1]) << 4) | Hex(encoded[i + 2]));
                i += 2;
            }
            else if (b == '+')
            {
                b = (byte)' ';
            }

            if (b is < 0x20 or 0x7f)
            {
                return null;
            }

            decoded[length++] = b;
        }

        try
        {
            return StrictUtf8.GetString(decoded, 0, length);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static int Hex(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
