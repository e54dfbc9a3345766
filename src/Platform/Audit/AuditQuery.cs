using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;
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

    public string? Action { get; private set; }

    public string? Actor { get; private set; }

    public string? Entity { get; private set; }

    public Guid? Record { get; private set; }

    public DateTimeOffset? From { get; private set; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? Until { get; private set; }

    public int Limit { get; private set; } = DefaultLimit;

    /// <summary>Cursor as it came; it is opened under this query's <see cref="Digest"/>.</summary>
    public string? After { get; private set; }

    /// <summary>All faults at once; null when there is one or more.</summary>
    public static AuditQuery? Parse(IQueryCollection parameters, List<Fault> faults)
    {
        var query = new AuditQuery();
        foreach (var (name, values) in parameters)
        {
            if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
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
            Actor,
            Entity,
            Record?.ToString(),
            From?.UtcTicks.ToString(CultureInfo.InvariantCulture),
            Until?.UtcTicks.ToString(CultureInfo.InvariantCulture));
        return SHA256.HashData(Encoding.UTF8.GetBytes(text));
    }

    /// <param name="after">Id of the last entry of the page before, null for the first page.</param>
    public Sql ToSql(Guid? after)
    {
        var conditions = new List<Sql> { Sql.Of($"true") };
        Add(Action is null, Sql.Of($"action = {SqlValue.Text(Action)}"));
        Add(Actor is null, Sql.Of($"actor = {SqlValue.Text(Actor)}"));
        Add(Entity is null, Sql.Of($"entity = {SqlValue.Text(Entity)}"));
        // The body is canonical text in which an id of a record stands quoted.
        Add(Record is null, Sql.Of($"strpos(body, {SqlValue.Text($"\"{Record}\"")}) > 0"));
        Add(From is null, Sql.Of($"at >= {SqlValue.Timestamp(From)}"));
        Add(Until is null, Sql.Of($"at < {SqlValue.Timestamp(Until)}"));
        Add(after is null, Sql.Of($"id < {SqlValue.Uuid(after)}"));
        return Sql.Of($"""
            select id, body from {Place.Core}.audit_entry
            where {Sql.Join(" and ", conditions)}
            order by id desc limit {SqlValue.Integer(Limit + 1)}
            """);

        void Add(bool absent, Sql condition)
        {
            if (!absent)
            {
                conditions.Add(condition);
            }
        }
    }

    private void Take(string name, string value, List<Fault> faults)
    {
        switch (name)
        {
            case "action":
                Action = Text(name, value, faults);
                break;
            case "actor":
                Actor = Text(name, value, faults);
                break;
            case "entity":
                Entity = Text(name, value, faults);
                break;
            case "record":
                Record = Guid.TryParseExact(value, "D", out var id)
                    ? id
                    : Refuse<Guid?>(name, "A UUID is needed.", faults);
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
                After = value.Length is > 0 and <= MaxCursor
                    ? value
                    : Refuse<string>(name, "The cursor is not one of ours.", faults);
                break;
            default:
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: Shorten(name)));
                break;
        }
    }

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
