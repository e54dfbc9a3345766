using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Tenants;

/// <summary>
/// The body of an onboarding:
/// <c>{"slug","name","isolation","app","hosts":[],"serviceAccounts":[{"role","description"}]}</c>.
/// </summary>
/// <param name="Model">The newest version of the app.</param>
internal sealed partial record OnboardRequest(
    string Slug,
    string Name,
    IsolationKind Isolation,
    AppModel Model,
    ImmutableArray<string> Hosts,
    ImmutableArray<OnboardRequest.Account> Accounts)
{
    internal const int MaxBytes = 64 * 1024;
    private const int MaxHosts = 20;
    private const int MaxAccounts = 20;
    private const int MaxName = 200;

    /// <summary>
    /// Words that mean something in a path or a host name, or that a reader would take for the platform.
    /// </summary>
    private static readonly string[] ReservedSlugs =
    [
        "admin", "api", "app", "apps", "assets", "auth", "bulkhead", "console", "control", "dev", "docs", "health",
        "localhost", "oauth", "operator", "platform", "root", "static", "status", "system", "tenant", "tenants",
        "well-known", "www",
    ];

    internal sealed record Account(string Role, string Description);

    /// <summary>Null when there are faults; all of them are in the list.</summary>
    internal static OnboardRequest? Read(JsonElement body, Func<string, AppModel?> newest, List<Fault> faults)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            faults.Add(new("invalid-value", "The body is a JSON object.", ""));
            return null;
        }

        RefuseUnknown(body, "", ["slug", "name", "isolation", "app", "hosts", "serviceAccounts"], faults);
        var slug = Slugs(body, faults);
        var name = Names(body, faults);
        var isolation = Isolations(body, faults);
        var model = Apps(body, newest, faults);
        var hosts = HostNames(body, faults);
        var accounts = ServiceAccounts(body, model, faults);
        return faults.Count > 0 ? null : new(slug!, name!, isolation!.Value, model!, hosts, accounts);
    }

    private static string? Slugs(JsonElement body, List<Fault> faults)
    {
        if (Text(body, "slug", "/slug", true, faults) is not { } slug)
        {
            return null;
        }

        if (!SlugShape().IsMatch(slug))
        {
            faults.Add(new(
                "invalid-value",
                "A slug has 2 to 41 of a-z, 0-9 and '-', begins with a letter and does not end in '-'.",
                "/slug"));
        }
        else if (ReservedSlugs.Contains(slug, StringComparer.Ordinal))
        {
            faults.Add(new("invalid-value", "This slug is a word of the platform: choose another.", "/slug"));
        }

        return slug;
    }

    private static string? Names(JsonElement body, List<Fault> faults)
    {
        if (Text(body, "name", "/name", true, faults) is not { } name)
        {
            return null;
        }

        if (name.Length > MaxName || string.IsNullOrWhiteSpace(name) || name.Any(char.IsControl))
        {
            faults.Add(
                new("invalid-value", $"A name has 1 to {MaxName} characters, without control characters.", "/name"));
        }

        return name;
    }

    private static IsolationKind? Isolations(JsonElement body, List<Fault> faults)
    {
        if (Text(body, "isolation", "/isolation", true, faults) is not { } word)
        {
            return null;
        }

        if (IsolationKinds.TryParse(word, out var isolation))
        {
            return isolation;
        }

        faults.Add(new("invalid-value", "The isolation is shared, schema or database.", "/isolation"));
        return null;
    }

    private static AppModel? Apps(JsonElement body, Func<string, AppModel?> newest, List<Fault> faults)
    {
        if (Text(body, "app", "/app", true, faults) is not { } app)
        {
            return null;
        }

        var model = newest(app);
        if (model is null)
        {
            faults.Add(new("app-not-found", "No such app is deployed.", "/app"));
        }

        return model;
    }

    private static ImmutableArray<string> HostNames(JsonElement body, List<Fault> faults)
    {
        var hosts = ImmutableArray.CreateBuilder<string>();
        foreach (var (item, pointer) in Items(body, "hosts", MaxHosts, faults))
        {
            if (TextOf(item, pointer, faults) is not { } host)
            {
                continue;
            }

            if (host.Length > 253 || !HostShape().IsMatch(host))
            {
                faults.Add(
                    new("invalid-value", "A host is a full name in lower case, without scheme, port or path.", pointer));
            }
            else if (hosts.Contains(host))
            {
                faults.Add(new("invalid-value", "The host stands twice in the list.", pointer));
            }
            else
            {
                hosts.Add(host);
            }
        }

        return hosts.ToImmutable();
    }

    private static ImmutableArray<Account> ServiceAccounts(JsonElement body, AppModel? model, List<Fault> faults)
    {
        var accounts = ImmutableArray.CreateBuilder<Account>();
        foreach (var (item, pointer) in Items(body, "serviceAccounts", MaxAccounts, faults))
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                faults.Add(new("invalid-value", "A service account is an object with a role.", pointer));
                continue;
            }

            RefuseUnknown(item, pointer, ["role", "description"], faults);
            var role = Text(item, "role", $"{pointer}/role", true, faults);
            if (role is not null && model is not null && !model.Roles.ContainsKey(role))
            {
                var known = string.Join(", ", model.Roles.Keys.Order(StringComparer.Ordinal));
                faults.Add(new("invalid-value", $"{model.Label} has no such role; it has {known}.", $"{pointer}/role"));
            }

            var description = Text(item, "description", $"{pointer}/description", false, faults);
            if (description?.Length > MaxName)
            {
                faults.Add(
                    new("too-long", $"A description has at most {MaxName} characters.", $"{pointer}/description"));
            }

            accounts.Add(new(role ?? "", description ?? $"Made with the tenant, for {role}"));
        }

        return accounts.ToImmutable();
    }

    private static List<(JsonElement Item, string Pointer)> Items(
        JsonElement body, string name, int max, List<Fault> faults)
    {
        if (!body.TryGetProperty(name, out var list))
        {
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            faults.Add(new("invalid-value", "This is a list.", $"/{name}"));
            return [];
        }

        if (list.GetArrayLength() > max)
        {
            faults.Add(new("too-many", $"There are at most {max}.", $"/{name}"));
        }

        return
        [
            .. list.EnumerateArray()
                .Take(max)
                .Select((item, i) => (item, string.Create(CultureInfo.InvariantCulture, $"/{name}/{i}"))),
        ];
    }

    private static void RefuseUnknown(JsonElement body, string pointer, string[] known, List<Fault> faults)
    {
        foreach (var property in body.EnumerateObject().Where(p => !known.Contains(p.Name, StringComparer.Ordinal)))
        {
            var escaped = property.Name
                .Replace("~", "~0", StringComparison.Ordinal)
                .Replace("/", "~1", StringComparison.Ordinal);
            var detail = $"There is no such field; there are {string.Join(", ", known)}.";
            faults.Add(new("unknown-field", detail, $"{pointer}/{escaped}"));
        }
    }

    private static string? Text(JsonElement body, string name, string pointer, bool required, List<Fault> faults)
    {
        if (body.TryGetProperty(name, out var value))
        {
            return TextOf(value, pointer, faults);
        }

        if (required)
        {
            faults.Add(new("required", "This is needed.", pointer));
        }

        return null;
    }

    private static string? TextOf(JsonElement value, string pointer, List<Fault> faults)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            faults.Add(new("invalid-value", "This is text.", pointer));
            return null;
        }

        string text;
        try
        {
            text = value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            faults.Add(new("invalid-value", "The text holds half of a surrogate pair.", pointer));
            return null;
        }

        if (text.Contains('\0'))
        {
            faults.Add(new("invalid-value", "The text holds U+0000.", pointer));
            return null;
        }

        return text;
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,39}[a-z0-9]\\z", RegexOptions.CultureInvariant)]
    private static partial Regex SlugShape();

    [GeneratedRegex(
        "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostShape();
}
