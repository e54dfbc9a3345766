using System.Globalization;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Audit;
using Microsoft.AspNetCore.WebUtilities;

namespace Bulkhead.Bench.Search;

/// <summary>Pages of the audit log by every kind of filter, through the kernel's door.</summary>
internal static class SearchBench
{
    public static async Task<Measured> RunAsync(
        PrivatePostgres postgres, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var log = await SearchedLog.CreateAsync(postgres, options.Entries, progress, cancellationToken);
        var record = $"?record={SearchedLog.Record(7)}";
        (string Name, string Query, long? Back)[] searches =
        [
            ("newest", "?", null),
            ("one action, half of all", "?action=data.read", null),
            ("a prefix, half of all", "?action=data.*", null),
            ("a prefix, few", "?action=keys.*", null),
            ("one actor of 1,000", "?actor=actor-77", null),
            ("one entity", "?entity=visit", null),
            ("refused", "?result=denied", null),
            ("one hour", $"?at.gte={SearchedLog.Hour(0)}&at.lt={SearchedLog.Hour(1)}", null),
            ("history of a record", record + "&order=oldest", null),
            ("one request", $"?request={log.Request}", null),
            ("actor, action and entity", "?actor=actor-77&action=data.read&entity=visit", null),
            ("actor and an action that it never did", "?actor=actor-77&action=keys.rotate", null),
            ("refused and an action that never was", "?result=denied&action=keys.rotate", null),
            ("newest, half of the log down", "?", log.Entries / 2),
            ("one action, half of the log down", "?action=data.read", log.Entries / 2),
        ];
        var group = new Group(
            "Search of the audit log",
            string.Create(
                CultureInfo.InvariantCulture,
                $"A page of 50 of a tenant's {log.Entries:N0} entries, in a table shared with two others; in one transaction, the entry of the "
                + $"reading itself left out. A filter that finds little looks at {AuditSql.Scanned:N0} entries at most and goes on with the next page."),
            [
                .. searches.Select(search => new Variant(
                    search.Name,
                    search.Name == "newest" ? null : "newest",
                    new CallLoad((dice, stop) => PageAsync(log, search.Query, search.Back, dice, stop)),
                    () => ProcessTime.OfProcess(Environment.ProcessId),
                    InProcess: true)),
            ]);
        return await Interleaved.RunAsync(group, options, postgres.Postmaster, progress, cancellationToken);
    }

    private static async Task PageAsync(SearchedLog log, string text, long? back, Dice dice, CancellationToken cancellationToken)
    {
        // Many pages down: somewhere about there, so that it is not always the same one.
        var cursor = back is { } far ? log.IdAt(far - dice.Next((int)Math.Max(1, far / 2))) : (Guid?)null;
        var faults = new List<Fault>();
        var query = AuditQuery.Parse(new Microsoft.AspNetCore.Http.QueryCollection(QueryHelpers.ParseQuery(text)), faults)
            ?? throw new InvalidOperationException($"'{text}' is no query of the log.");
        var sql = new AuditSql(query, cursor);
        var found = 0;
        await log.Database.RunAsync(
            log.Context,
            new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Page, row => found += row.Text(1).Length > 0 ? 1 : 0),
            cancellationToken);
        if (sql.IsBounded && found <= query.Limit)
        {
            await log.Database.RunAsync(
                log.Context, new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Rest, static _ => { }), cancellationToken);
        }
    }
}
