using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>What a reader asks of the log, validated: every parameter is known, stands once and means something.</summary>
internal sealed record AuditQuery
{
    public const int DefaultLimit = 50;

    public const int MaxLimit = 200;

    private const int MaxText = 200;

    private const int MaxCursor = 512;

    private bool? _order;

    /// <summary>Exactly this action; null for any, or when there is a <see cref="Prefix"/>.</summary>
    public string? Action { get; private set; }

    /// <summary>Of <c>keys.*</c>: <c>keys.</c></summary>
    public string? Prefix { get; private set; }

    public string? Actor { get; private set; }

    public string? Entity { get; private set; }

    public Guid? Record { get; private set; }

    /// <summary>Id of the request, as the header <c>Request-Id</c> said.</summary>
    public string? Request { get; private set; }

    /// <summary>Null for either.</summary>
    public bool? Denied { get; private set; }

    public DateTimeOffset? From { get; private set; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? Until { get; private set; }

    public bool OldestFirst { get; private set; }

    public int Limit { get; private set; } = DefaultLimit;

    /// <summary>Cursor as it came; it is opened under this query's <see cref="Digest"/>.</summary>
    public string? After { get; private set; }

    /// <summary>Likewise, for the page before it.</summary>
    public string? Before { get; private set; }

    /// <summary>All faults at once; null when there is one or more.</summary>
    public static AuditQuery? Parse(IQueryCollection parameters, List<Fault> faults) => Parse(parameters, new(), faults, null);

    /// <summary>The acts about one record, oldest first unless asked otherwise.</summary>
    public static AuditQuery? ParseTimeline(IQueryCollection parameters, string entity, Guid record, List<Fault> faults) =>
        Parse(parameters, new() { Entity = entity, Record = record, OldestFirst = true }, faults, ["entity", "record"]);

    private static AuditQuery? Parse(IQueryCollection parameters, AuditQuery query, List<Fault> faults, string[]? given)
    {
        foreach (var (name, values) in parameters)
        {
            if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: Shorten(name)));
            }
            else if (given is not null && given.Contains(name))
            {
                faults.Add(new("unknown-parameter", "The path says it.", Parameter: name));
            }
            else
            {
                query.Take(name, values.ToString(), faults);
            }
        }

        if (query is { From: { } from, Until: { } until } && from >= until)
        {
            faults.Add(new("invalid-parameter", "at.lt must lie after at.gte.", Parameter: "at.lt"));
        }

        if (query is { After: not null, Before: not null })
        {
            faults.Add(new("invalid-parameter", "A page comes after a cursor or before one.", Parameter: "before"));
        }

        // Entries of a request lie close behind its beginning.
        query.OldestFirst = query._order ?? (query.OldestFirst || query.Request is not null);
        return faults.Count == 0 ? query : null;
    }

    /// <summary>Binds a cursor to reader and filter: under another it does not open.</summary>
    public byte[] Digest(string actor)
    {
        var text = string.Join(
            '\u001f',
            "audit",
            actor,
            Action,
            Prefix,
            Actor,
            Entity,
            Record?.ToString(),
            Request,
            Denied?.ToString(),
            From?.UtcTicks.ToString(CultureInfo.InvariantCulture),
            Until?.UtcTicks.ToString(CultureInfo.InvariantCulture),
            OldestFirst.ToString());
        return SHA256.HashData(Encoding.UTF8.GetBytes(text));
    }

    private void Take(string name, string value, List<Fault> faults)
    {
        switch (name)
        {
            case "action":
                TakeAction(value, faults);
                break;
            case "actor":
                Actor = Text(name, value, faults);
                break;
            case "entity":
                Entity = Text(name, value, faults);
                break;
            case "request":
                Request = Text(name, value, faults);
                break;
            case "record":
                Record = Guid.TryParseExact(value, "D", out var id)
                    ? id
                    : Refuse<Guid?>(name, "A UUID is needed.", faults);
                break;
            case "result":
                Denied = value is "ok" or "denied"
                    ? value == "denied"
                    : Refuse<bool?>(name, "ok or denied.", faults);
                break;
            case "order":
                _order = value is "newest" or "oldest"
                    ? value == "oldest"
                    : Refuse<bool?>(name, "newest or oldest.", faults);
                break;
            case "at.gte":
                From = Instant(name, value, faults);
                break;
            case "at.lt":
                Until = Instant(name, value, faults);
                break;
            case "limit":
                Limit = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
                    && limit is >= 1 and <= MaxLimit
                    ? limit
                    : Refuse<int>(name, $"A whole number from 1 to {MaxLimit} is needed.", faults);
                break;
            case "after":
                After = Cursor(name, value, faults);
                break;
            case "before":
                Before = Cursor(name, value, faults);
                break;
            default:
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: Shorten(name)));
                break;
        }
    }

    private void TakeAction(string value, List<Fault> faults)
    {
        if (!value.Contains('*', StringComparison.Ordinal))
        {
            Action = AuditEvents.All.ContainsKey(value) ? value : Refuse<string>("action", NoAction, faults);
        }
        else if (value.Length > 1 && value.EndsWith('*')
            && AuditEvents.All.Keys.Any(action => action.StartsWith(value[..^1], StringComparison.Ordinal)))
        {
            Prefix = value[..^1];
        }
        else
        {
            Refuse<string>("action", NoAction, faults);
        }
    }

    private const string NoAction =
        "No action is called so. A name of docs/audit-events.md is needed (data.read), or the beginning of names and a star (keys.*).";

    private static string? Cursor(string name, string value, List<Fault> faults) =>
        value.Length is > 0 and <= MaxCursor ? value : Refuse<string>(name, "The cursor is not one of ours.", faults);

    private static string? Text(string name, string value, List<Fault> faults) =>
        value.Length is > 0 and <= MaxText && !value.Contains('\0', StringComparison.Ordinal)
            ? value
            : Refuse<string>(name, $"A text of 1 to {MaxText} characters is needed.", faults);

    internal static DateTimeOffset? Instant(string name, string value, List<Fault> faults)
    {
        string[] formats =
        [
            "yyyy-MM-dd",
            "yyyy-MM-dd'T'HH:mm:ssK",
            "yyyy-MM-dd'T'HH:mm:ss.FFFFFFK",
        ];
        return DateTimeOffset.TryParseExact(
            value, formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant)
            ? instant
            : Refuse<DateTimeOffset?>(name, "A date or an RFC 3339 instant is needed.", faults);
    }

    private static T? Refuse<T>(string name, string detail, List<Fault> faults)
    {
        faults.Add(new("invalid-parameter", detail, Parameter: name));
        return default;
    }

    private static string Shorten(string name) => name.Length <= MaxText ? name : name[..MaxText];
}
