using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Verify.Json;

namespace Bulkhead.Verify.Export;

/// <summary>Salted digests in the manner of RFC 9901: what was shown must hash to one that was sealed.</summary>
internal static class Disclosures
{
    private const int DigestSize = 43;
    private const int SaltSize = 16;

    // A digest, its two quotes, and the comma or bracket after it.
    private const int Stride = DigestSize + 3;

    private static readonly SearchValues<byte> Base64UrlBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"u8);

    /// <summary>What is wrong with the digests of an entry, or with what is disclosed of it; null where nothing is.</summary>
    public static string? Fault(ReadOnlySpan<byte> values, List<string> disclosures)
    {
        if (!values.IsEmpty && DigestsFault(values) is { } fault)
        {
            return fault;
        }

        for (var i = 0; i < disclosures.Count; i++)
        {
            if (disclosures.IndexOf(disclosures[i]) != i)
            {
                return $"its disclosure {i} stands there twice";
            }

            if (DisclosureFault(values, disclosures[i]) is { } wrong)
            {
                return $"its disclosure {i} {wrong}";
            }
        }

        return null;
    }

    /// <summary>Of one that has no fault: which field, and what it held; as JSON.</summary>
    public static (string Field, string Before, string After) Read(string disclosure)
    {
        using var document = JsonDocument.Parse(StrictBase64.DecodeUrl(Encoding.ASCII.GetBytes(disclosure))!);
        var array = document.RootElement;
        return (array[1].GetString()!, array[2].GetRawText(), array[3].GetRawText());
    }

    private static string? DigestsFault(ReadOnlySpan<byte> values)
    {
        if (values.SequenceEqual("[]"u8))
        {
            return null;
        }

        if (values[0] != '[' || values.Length % Stride != 1)
        {
            return "its values are not an array of digests";
        }

        ReadOnlySpan<byte> before = default;
        for (var rest = values[1..]; !rest.IsEmpty; rest = rest[Stride..])
        {
            var digest = rest[1..(1 + DigestSize)];
            if (rest[0] != '"' || rest[DigestSize + 1] != '"' || rest[DigestSize + 2] != (rest.Length == Stride ? ']' : ',')
                || digest.ContainsAnyExcept(Base64UrlBytes))
            {
                return "its values are not an array of digests";
            }

            if (digest.SequenceCompareTo(before) <= 0)
            {
                return "its values are not sorted";
            }

            before = digest;
        }

        return null;
    }

    private static string? DisclosureFault(ReadOnlySpan<byte> values, string disclosure)
    {
        if (!Ascii.IsValid(disclosure))
        {
            return "is not base64url";
        }

        var ascii = Encoding.ASCII.GetBytes(disclosure);
        if (StrictBase64.DecodeUrl(ascii) is not { } json)
        {
            return "is not base64url";
        }

        if (!IsSealed(values, Base64Url.EncodeToUtf8(SHA256.HashData(ascii))))
        {
            return "does not match: no digest in the entry's values is its own";
        }

        if (CanonicalJson.Fault(json, fractions: true) is { } fault)
        {
            return $"is not canonical JSON: {fault}";
        }

        using var document = JsonDocument.Parse(json);
        return document.RootElement is { ValueKind: JsonValueKind.Array } array && array.GetArrayLength() == 4
            && array[0].ValueKind == JsonValueKind.String && array[1].ValueKind == JsonValueKind.String
            && StrictBase64.DecodeUrl(Encoding.UTF8.GetBytes(array[0].GetString()!)) is { Length: SaltSize }
                ? null : "is not an array of salt, field, before and after";
    }

    private static bool IsSealed(ReadOnlySpan<byte> values, ReadOnlySpan<byte> digest)
    {
        for (var at = 2; at + DigestSize < values.Length; at += Stride)
        {
            if (values.Slice(at, DigestSize).SequenceEqual(digest))
            {
                return true;
            }
        }

        return false;
    }
}
