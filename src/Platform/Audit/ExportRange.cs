using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>What of the log is asked for: all of it, positions, a time, or one entry.</summary>
internal sealed record ExportRange
{
    public long? From { get; private set; }

    /// <summary>Exclusive.</summary>
    public long? To { get; private set; }

    public DateTimeOffset? Begin { get; private set; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? End { get; private set; }

    public Guid? Entry { get; private set; }

    /// <summary>Of which fields what discloses their values goes with the entries; empty for none.</summary>
    public ImmutableArray<string> Disclosed { get; private set; } = [];

    /// <summary>Of every field.</summary>
    public bool DisclosesAll { get; private set; }

    public bool Discloses => DisclosesAll || !Disclosed.IsEmpty;

    /// <summary>As events of OCSF, without what proves them.</summary>
    public bool IsOcsf { get; private set; }

    public string InWords =>
        Entry is { } entry ? $"entry {entry}"
        : this is { From: null, To: null, Begin: null, End: null } ? "all"
        : Begin is null && End is null ? $"positions {From ?? 0} to {To?.ToString(CultureInfo.InvariantCulture) ?? "the end"}"
        : $"acts from {Begin:yyyy-MM-dd'T'HH:mm:ss'Z'} to {End:yyyy-MM-dd'T'HH:mm:ss'Z'}";

    public static ExportRange Parse(IQueryCollection parameters, List<Fault> faults)
    {
        var range = new ExportRange();
        foreach (var (name, values) in parameters)
        {
            var value = values.ToString();
            if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
            }
            else if (name is "from" or "to")
            {
                if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var position))
                {
                    faults.Add(new("invalid-parameter", "A position is a whole number from 0.", Parameter: name));
                }
                else if (name == "from")
                {
                    range.From = position;
                }
                else
                {
                    range.To = position;
                }
            }
            else if (name is "at.gte" or "at.lt")
            {
                var instant = AuditQuery.Instant(name, value, faults);
                range = name == "at.gte" ? range with { Begin = instant } : range with { End = instant };
            }
            else if (name == "entry")
            {
                range.Entry = Guid.TryParseExact(value, "D", out var id) ? id : null;
                if (range.Entry is null)
                {
                    faults.Add(new("invalid-parameter", "A UUID is needed.", Parameter: name));
                }
            }
            else if (name == "disclose")
            {
                range.DisclosesAll = value == "*";
                range.Disclosed = range.DisclosesAll ? [] : DiscloseValues.FieldNames(name, value, faults);
            }
            else if (name == "format")
            {
                range.IsOcsf = value == "ocsf";
                if (value is not ("ocsf" or "proven"))
                {
                    faults.Add(new("invalid-parameter", "proven or ocsf.", Parameter: name));
                }
            }
            else
            {
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: name.Length <= 100 ? name : name[..100]));
            }
        }

        if (range is { IsOcsf: true, Discloses: true })
        {
            faults.Add(new("invalid-parameter", "Events of OCSF have no values.", Parameter: "disclose"));
        }

        var kinds = (range.From is null && range.To is null ? 0 : 1) + (range.Begin is null && range.End is null ? 0 : 1)
            + (range.Entry is null ? 0 : 1);
        if (kinds > 1)
        {
            faults.Add(new("invalid-parameter", "Ask by positions, by time, or for one entry.", Parameter: "from"));
        }

        if (range is { From: { } from, To: { } to } && from >= to)
        {
            faults.Add(new("invalid-parameter", "'to' must lie after 'from'.", Parameter: "to"));
        }

        return range;
    }

    /// <summary>
    /// Of a time, all that may hold an act of it, from a checkpoint before it to one after it: so that whoever counts sees that none is
    /// missing, also where there was none. The log's end stands in for what is not there. Null when nothing of it is sealed.
    /// </summary>
    public async Task<FoundRange?> FindAsync(
        AuditLog log, RequestContext context, long size, CancellationToken cancellationToken)
    {
        if (Entry is { } entry)
        {
            return await log.PositionAsync(context, entry, cancellationToken) is { } position && position < size
                ? new(position, position + 1)
                : null;
        }

        if (Begin is not null || End is not null)
        {
            var acts = await log.RangeAsync(
                context, Begin ?? DateTimeOffset.UnixEpoch, End ?? DateTimeOffset.UnixEpoch.AddYears(1000), cancellationToken);
            var older = Begin is { } begin ? await log.CheckpointAtAsync(context.Tenant, begin, isBefore: true, cancellationToken) : null;
            var newer = End is { } end ? await log.CheckpointAtAsync(context.Tenant, end, isBefore: false, cancellationToken) : null;
            var first = Math.Min(older?.Checkpoint.Size ?? 0, acts?.From ?? long.MaxValue);
            var last = Math.Min(size, Math.Max(newer?.Checkpoint.Size ?? size, acts?.To ?? 0));
            // Nothing was sealed since: the last entry shows by when.
            return new(Math.Min(first, last - 1), last) { Older = older, Newer = newer };
        }

        var (from, to) = (From ?? 0, Math.Min(size, To ?? size));
        return from < to ? new(from, to) : null;
    }
}

/// <param name="To">Exclusive.</param>
internal sealed record FoundRange(long From, long To)
{
    /// <summary>The last checkpoint before the time, and the first after it; null where there is none, or no time was asked for.</summary>
    public (Checkpoint Checkpoint, string Note)? Older { get; init; }

    public (Checkpoint Checkpoint, string Note)? Newer { get; init; }
}
