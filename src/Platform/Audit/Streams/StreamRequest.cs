using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Bulkhead.Kernel.Audit.Streams;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Platform.Access;

namespace Bulkhead.Platform.Audit.Streams;

/// <summary>The body of <c>POST /api/v1/audit/streams</c>: <c>name</c>, <c>url</c>, and if wished <c>format</c>, <c>authority</c>, <c>from</c>.</summary>
internal static class StreamRequest
{
    internal const int MaxBytes = 64 * 1024;
    private const int SyslogPort = 6514;

    private static readonly string[] Members = ["name", "url", "format", "authority", "from"];

    /// <summary>Null when there are faults; all of them are in the list.</summary>
    internal static NewStream? Read(JsonElement body, bool allowPrivate, List<Fault> faults)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new("invalid-body", "An object with name and url is needed.", ""));
            return null;
        }

        foreach (var member in body.EnumerateObject().Where(m => !Members.Contains(m.Name, StringComparer.Ordinal)))
        {
            faults.Add(new("unknown-field", $"There is no such field; there are {string.Join(", ", Members)}.", "/" + member.Name));
        }

        var name = Text(body, "name", 1, 63, required: true, faults);
        if (name is not null && !IsName(name))
        {
            faults.Add(new("invalid-value", "A name has small letters of ASCII, digits and hyphens, and begins with a letter.", "/name"));
        }

        var format = Text(body, "format", 1, 20, required: false, faults) ?? StreamFormat.Json;
        if (StreamFormat.Find(format) is null)
        {
            faults.Add(new("invalid-value", $"There is no such format; there are {string.Join(", ", StreamFormat.Names)}.", "/format"));
        }

        var authority = Text(body, "authority", 1, 20_000, required: false, faults);
        if (authority is not null && !IsAuthority(authority))
        {
            faults.Add(new("invalid-value", "One or more certificates of authorities are needed, in PEM, and no key.", "/authority"));
        }

        long? from = null;
        if (body.TryGetProperty("from", out var position))
        {
            if (position.ValueKind == JsonValueKind.Number && position.TryGetInt64(out var number) && number >= 0)
            {
                from = number;
            }
            else
            {
                faults.Add(new("invalid-value", "A position is a whole number, 0 or more.", "/from"));
            }
        }

        var url = Url(Text(body, "url", 1, 2000, required: true, faults), faults, out var kind);
        if (url is not null && IPAddress.TryParse(url.DnsSafeHost, out var address) && !AddressRule.Allows(address, allowPrivate))
        {
            // What a name leads to is judged at every connection; this would never be one.
            faults.Add(new("invalid-value", "The operator allows no collector at this address: it is not a public one.", "/url"));
        }

        return faults.Count == 0 ? new(name!, kind, url!, format, authority, from) : null;
    }

    private static Uri? Url(string? text, List<Fault> faults, out StreamKind kind)
    {
        kind = StreamKind.Https;
        if (text is null)
        {
            return null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { UserInfo: "", Fragment: "", Host: not "" })
        {
            if (url.Scheme == "https")
            {
                return url;
            }

            if (url is { Scheme: "syslog", AbsolutePath: "" or "/", Query: "" } && url.HostNameType != UriHostNameType.Unknown)
            {
                kind = StreamKind.Syslog;
                return url.Port > 0 ? url : new UriBuilder(url) { Port = SyslogPort }.Uri;
            }
        }

        faults.Add(new(
            "invalid-value", "syslog://host:port (over TLS; port 6514 if none is given) or https://host/path is needed, without a user.", "/url"));
        return null;
    }

    private static bool IsName(string name) =>
        char.IsAsciiLetterLower(name[0]) && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    private static bool IsAuthority(string pem)
    {
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            return false;
        }

        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(pem);
            var found = certificates.Count > 0
                && certificates.All(c => c.Extensions.OfType<X509BasicConstraintsExtension>().Any(e => e.CertificateAuthority));
            foreach (var certificate in certificates)
            {
                certificate.Dispose();
            }

            return found;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string? Text(JsonElement body, string name, int least, int most, bool required, List<Fault> faults)
    {
        if (!body.TryGetProperty(name, out var value))
        {
            if (required)
            {
                faults.Add(new("required", "This is needed.", "/" + name));
            }

            return null;
        }

        try
        {
            if (value.ValueKind == JsonValueKind.String && value.GetString() is { } text && text.Length >= least && text.Length <= most
                && !text.Contains('\0', StringComparison.Ordinal))
            {
                return text;
            }
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
        }

        faults.Add(new("invalid-value", $"A text of {least} to {most} characters is needed.", "/" + name));
        return null;
    }
}
