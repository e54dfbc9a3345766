using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// The body of a registration: <c>{"url","serverCa","keys":[{"root","publicKey"}],"clientCertificate","clientKey"}</c>, all of them
/// needed, nothing else. Here its shape is checked, by the kernel what the texts say.
/// </summary>
internal static class HoldRequest
{
    internal const int MaxBytes = 256 * 1024;
    private const int MaxKeys = 100;

    /// <summary>Null when there are faults; all of them are in the list.</summary>
    internal static TenantHeldKeyRegistration? Read(JsonElement body, TenantId tenant, List<Fault> faults)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new("invalid-value", "The body is a JSON object.", ""));
            return null;
        }

        RefuseUnknown(body, "", ["url", "serverCa", "keys", "clientCertificate", "clientKey"], faults);
        var registration = new TenantHeldKeyRegistration
        {
            Tenant = tenant,
            Url = Text(body, "url", "/url", faults),
            ServerCa = Text(body, "serverCa", "/serverCa", faults),
            Keys = Keys(body, faults),
            ClientCertificate = Text(body, "clientCertificate", "/clientCertificate", faults),
            ClientKey = Text(body, "clientKey", "/clientKey", faults).ToCharArray(),
        };
        if (faults.Count == 0)
        {
            // What the texts say is judged by the kernel, together with what is registered.
            return registration;
        }

        // A member that is not there, or is no text, is said once.
        var said = faults.Select(f => f.Pointer ?? "").ToList();
        faults.AddRange(Faults(registration.Validate())
            .Where(f => !said.Exists(p => p == f.Pointer || p.StartsWith(f.Pointer + "/", StringComparison.Ordinal))));
        return null;
    }

    internal static IReadOnlyList<Fault> Faults(IEnumerable<RegistrationFault> faults) =>
    [
        .. faults.Select(f => new Fault(
            "invalid-value",
            f.Detail,
            f.Index is { } index
                ? string.Create(CultureInfo.InvariantCulture, $"/keys/{index}")
                : $"/{char.ToLowerInvariant(f.Member[0])}{f.Member[1..]}")),
    ];

    private static ImmutableArray<HeldKey> Keys(JsonElement body, List<Fault> faults)
    {
        if (!body.TryGetProperty("keys", out var list))
        {
            faults.Add(new("required", "This is needed.", "/keys"));
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MaxKeys)
        {
            faults.Add(new("invalid-value", $"This is a list of 1 to {MaxKeys} keys.", "/keys"));
            return [];
        }

        var keys = ImmutableArray.CreateBuilder<HeldKey>();
        foreach (var (i, item) in list.EnumerateArray().Index())
        {
            var pointer = string.Create(CultureInfo.InvariantCulture, $"/keys/{i}");
            if (item.ValueKind != JsonValueKind.Object)
            {
                faults.Add(new("invalid-value", "A key is an object with root and publicKey.", pointer));
                keys.Add(new(0, ""));
                continue;
            }

            RefuseUnknown(item, pointer, ["root", "publicKey"], faults);
            var root = 0;
            if (!item.TryGetProperty("root", out var number))
            {
                faults.Add(new("required", "This is needed.", $"{pointer}/root"));
            }
            else if (number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out root) || root < 1)
            {
                faults.Add(new("invalid-value", "A root is a whole number, 1 or more.", $"{pointer}/root"));
            }

            keys.Add(new(root, Text(item, "publicKey", $"{pointer}/publicKey", faults)));
        }

        return keys.ToImmutable();
    }

    private static void RefuseUnknown(JsonElement body, string pointer, string[] known, List<Fault> faults)
    {
        foreach (var property in body.EnumerateObject().Where(p => !known.Contains(p.Name, StringComparer.Ordinal)))
        {
            var escaped = property.Name
                .Replace("~", "~0", StringComparison.Ordinal)
                .Replace("/", "~1", StringComparison.Ordinal);
            faults.Add(new(
                "unknown-field", $"There is no such field; there are {string.Join(", ", known)}.", $"{pointer}/{escaped}"));
        }
    }

    private static string Text(JsonElement body, string name, string pointer, List<Fault> faults)
    {
        if (!body.TryGetProperty(name, out var value))
        {
            faults.Add(new("required", "This is needed.", pointer));
            return "";
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            faults.Add(new("invalid-value", "This is text.", pointer));
            return "";
        }

        try
        {
            var text = value.GetString()!;
            if (!text.Contains('\0'))
            {
                return text;
            }

            faults.Add(new("invalid-value", "The text holds U+0000.", pointer));
        }
        catch (InvalidOperationException)
        {
            faults.Add(new("invalid-value", "The text holds half of a surrogate pair.", pointer));
        }

        return "";
    }
}
