using System.Globalization;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Audit;
using Bulkhead.Tests.System.Data;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>Searching finds what a naive reading of the whole log finds, by index scans alone, in every isolation; and a record's history is whole.</summary>
public sealed class SearchTests(SearchServer server) : IClassFixture<SearchServer>
{
    private static readonly Guid Record = new("018f0000-0000-7000-8000-00000000000a");

    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task Every_combination_of_filters_is_an_index_scan_that_begins_with_the_tenant(string tenant)
    {
        var scans = 0;
        foreach (var query in Combinations())
        {
            foreach (var cursor in new Guid?[] { null, Guid.CreateVersion7() })
            {
                var sql = new AuditSql(Parse(query), cursor);
                foreach (var statement in sql.IsBounded ? new[] { sql.Page, sql.Rest } : [sql.Page])
                {
                    var plan = await ExplainAsync(tenant, statement);
                    scans += Check(query, plan);
                }
            }
        }

        Assert.True(scans > 1_000, "plans are looked at");
        Assert.Contains("Index Cond: ((tenant_id = ", await ExplainAsync(tenant, new AuditSql(Parse("?actor=x"), null).Page), StringComparison.Ordinal);
        foreach (var (query, index) in new[]
        {
            ("?actor=x", "audit_entry_actor"), ("?action=data.read", "audit_entry_action"), ("?entity=person", "audit_entry_entity"),
            ("?action=keys.*", "audit_entry_action"), ($"?record={Record}", "audit_entry_record"), ($"?record={Record}", "audit_record_pkey"),
            ("?result=denied", "audit_entry_denied"), ("?at.gte=2026-01-01", "audit_entry_pkey"), ("", "audit_entry_pkey"),
        })
        {
            Assert.Contains(index, await ExplainAsync(tenant, new AuditSql(Parse(query), null).Page), StringComparison.Ordinal);
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task Pages_in_both_directions_show_what_a_naive_reading_shows(string tenant)
    {
        var all = await AllAsync(tenant);
        Assert.True(all.Count >= 1_500, $"{all.Count}");
        foreach (var query in Combinations().Where((_, n) => n % 23 == 0))
        {
            var wanted = Naive(all, Parse(query));
            // Few are looked at for a page, so that pages end before they are full.
            foreach (var scanned in new[] { 100, AuditSql.Scanned })
            {
                var (found, pages) = await WalkAsync(tenant, query, scanned);
                Assert.True(wanted.SequenceEqual(found), $"{query}: {wanted.Count} wanted, {found.Count} found");
                Assert.True(pages <= (all.Count / 100) + 3 + (wanted.Count / 25), $"{query}: {pages} pages");
            }
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_cursor_leads_onward_and_back_over_HTTP_and_opens_for_nobody_else(string tenant)
    {
        var first = (await server.SendAsync(tenant, "GET", "audit?action=witness.*&limit=5")).Is(200).Json;
        Assert.Equal(JsonValueKind.Null, first.GetProperty("previous").ValueKind);
        var next = first.GetProperty("next").GetString()!;
        var second = (await server.SendAsync(tenant, "GET", $"audit?action=witness.*&limit=5&after={next}")).Is(200).Json;
        Assert.Empty(Ids(first).Intersect(Ids(second)));
        var previous = second.GetProperty("previous").GetString()!;
        var again = (await server.SendAsync(tenant, "GET", $"audit?action=witness.*&limit=5&before={previous}")).Is(200).Json;
        Assert.Equal(Ids(first), Ids(again));
        var onward = again.GetProperty("next").GetString()!;
        Assert.Equal(Ids(second), Ids((await server.SendAsync(tenant, "GET", $"audit?action=witness.*&limit=5&after={onward}")).Is(200).Json));
        Assert.Equal("invalid-cursor", (await server.SendAsync(tenant, "GET", $"audit?action=witness.put&limit=5&after={next}")).Is(400).Code);
        Assert.Equal("invalid-cursor", (await server.SendAsync(tenant == "a" ? "b" : "a", "GET", $"audit?action=witness.*&limit=5&after={next}")).Is(400).Code);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_records_history_has_every_act_about_it_also_in_pages_and_after_its_end(string tenant)
    {
        Guid[] people = [Guid.CreateVersion7(), Guid.CreateVersion7()];
        foreach (var person in people)
        {
            (await server.SendAsync(tenant, "POST", "people", $$"""{"id":"{{person}}","name":"Ann","ssn":"{{person.ToString("N")[^12..]}}"}""")).Is(201);
        }

        var got = (await server.SendAsync(tenant, "GET", $"people/{people[0]}")).Is(200);
        (await server.SendAsync(tenant, "GET", "people?limit=50")).Is(200);
        var etag = got.ETag!;
        var changed = (await server.SendAsync(
            tenant, "PATCH", $"people/{people[0]}", """{"name":"Eve"}""", type: "application/merge-patch+json", headers: ("If-Match", etag))).Is(200);
        (await server.SendAsync(tenant, "DELETE", $"people/{people[0]}", headers: ("If-Match", changed.ETag!))).Is(204);

        var history = (await server.SendAsync(tenant, "GET", $"people/{people[0]}/audit")).Is(200).Json;
        Assert.Equal(
            ["data.create", "data.read", "data.list", "data.update", "data.delete"],
            Actions(history).Distinct());
        Assert.Equal(Ids(history).Reverse(), Ids((await server.SendAsync(tenant, "GET", $"audit?record={people[0]}&entity=person")).Is(200).Json));
        Assert.Equal(Ids(history).Reverse(), Ids((await server.SendAsync(tenant, "GET", $"people/{people[0]}/audit?order=newest")).Is(200).Json));
        Assert.Equal(["data.update"], Actions((await server.SendAsync(tenant, "GET", $"people/{people[0]}/audit?action=data.update")).Is(200).Json));

        // Of nobody else, in no other tenant, and for nobody who may not read the log.
        Assert.DoesNotContain("data.delete", Actions((await server.SendAsync(tenant, "GET", $"people/{people[1]}/audit")).Is(200).Json));
        Assert.Empty(Ids((await server.SendAsync(tenant == "a" ? "b" : "a", "GET", $"people/{people[0]}/audit")).Is(200).Json));
        (await server.SendAsync(tenant, "GET", $"people/{people[0]}/audit", role: "viewer")).Is(404);
        (await server.SendAsync(tenant, "GET", $"nothing/{people[0]}/audit")).Is(404);
        (await server.SendAsync(tenant, "GET", "people/1/audit")).Is(404);
        (await server.SendAsync(tenant, "GET", $"people/{people[0]}/audit?entity=city")).Is(400);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task What_a_request_did_is_found_by_its_id(string tenant)
    {
        (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        var newest = (await server.SendAsync(tenant, "GET", "audit?action=data.create&limit=1")).Is(200).Json.GetProperty("data")[0];
        var request = newest.GetProperty("request").GetString()!;
        var found = (await server.SendAsync(tenant, "GET", $"audit?request={request}")).Is(200).Json;
        Assert.Contains(newest.GetProperty("id").GetGuid(), Ids(found));
        Assert.All(found.GetProperty("data").EnumerateArray(), e => Assert.Equal(request, e.GetProperty("request").GetString()));
        Assert.Empty(Ids((await server.SendAsync(tenant, "GET", $"audit?request={Guid.CreateVersion7():N}")).Is(200).Json));
    }

    private static IEnumerable<string> Combinations()
    {
        string[] actions = ["", "&action=witness.put", "&action=witness.*"];
        string[] actors = ["", "&actor=actor-1"];
        string[] entities = ["", "&entity=person"];
        string[] records = ["", $"&record={Record}"];
        string[] results = ["", "&result=ok", "&result=denied"];
        string[] times = ["", "&at.gte=2025-01-01T00:00:00.5Z&at.lt=2025-01-01T00:00:02.5Z"];
        string[] requests = ["", $"&request={SearchServer.Request}"];
        string[] orders = ["", "&order=oldest"];
        return
            from action in actions from actor in actors from entity in entities from record in records
            from result in results from time in times from request in requests from order in orders
            select "?limit=25" + action + actor + entity + record + result + time + request + order;
    }

    private static int Check(string query, string plan)
    {
        var lines = plan.Split('\n');
        var scans = 0;
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].Contains(" on audit_", StringComparison.Ordinal))
            {
                continue;
            }

            scans++;
            Assert.True(lines[i].Contains("Index", StringComparison.Ordinal) && !lines[i].Contains("Bitmap", StringComparison.Ordinal), $"{query}\n{plan}");
            Assert.True(lines[i + 1].Contains("Index Cond: (", StringComparison.Ordinal) && lines[i + 1].Contains("tenant_id = ", StringComparison.Ordinal), $"{query}\n{plan}");
        }

        Assert.True(scans > 0, plan);
        // Sorted are a few pages of parts at most, and never what an index gave in order.
        var merges = query.Contains("record=", StringComparison.Ordinal) || query.Contains('*', StringComparison.Ordinal);
        Assert.True(merges || !plan.Contains("Sort", StringComparison.Ordinal), $"{query}\n{plan}");
        return scans;
    }

    private static AuditQuery Parse(string query)
    {
        var faults = new List<Fault>();
        return AuditQuery.Parse(new QueryCollection(QueryHelpers.ParseQuery(query)), faults) ?? throw new ArgumentException(query);
    }

    private static List<Guid> Naive(List<JsonElement> all, AuditQuery query)
    {
        var found = all.Where(e =>
            (query.Action is null || Text(e, "action") == query.Action)
            && (query.Prefix is null || Text(e, "action")!.StartsWith(query.Prefix, StringComparison.Ordinal))
            && (query.Actor is null || e.GetProperty("actor").GetProperty("id").GetString() == query.Actor)
            && (query.Entity is null || Text(e, "entity") == query.Entity)
            && (query.Denied is null || (Text(e, "result") == "denied") == query.Denied)
            && (query.Request is null || Text(e, "request") == query.Request)
            && (query.Record is null || e.GetProperty("records").GetProperty("ids").EnumerateArray().Any(r => r.GetGuid() == query.Record))
            && (query.From is not { } from || At(e) >= from)
            && (query.Until is not { } until || At(e) < until)).Select(e => e.GetProperty("id").GetGuid());
        return query.OldestFirst ? [.. found] : [.. found.Reverse()];
    }

    private static DateTimeOffset At(JsonElement e) => DateTimeOffset.Parse(Text(e, "at")!, CultureInfo.InvariantCulture);

    private static string? Text(JsonElement e, string name) => e.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static Guid[] Ids(JsonElement page) => [.. page.GetProperty("data").EnumerateArray().Select(e => e.GetProperty("id").GetGuid())];

    private static string[] Actions(JsonElement page) => [.. page.GetProperty("data").EnumerateArray().Select(e => Text(e, "action")!)];

    private RequestContext Context(string tenant) =>
        new(server.Tenants[tenant].Id, new Actor(ActorKind.Service, "test", []), "r", "shop@1");

    private async Task<string> ExplainAsync(string tenant, Sql statement)
    {
        var lines = new List<string>();
        await server.Database.RunAsync(
            Context(tenant),
            new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(Sql.Of($"explain (costs off) {statement}"), row => lines.Add(row.Text(0))),
            default);
        return string.Join('\n', lines);
    }

    /// <summary>In order of their ids, as they are in the table.</summary>
    private async Task<List<JsonElement>> AllAsync(string tenant)
    {
        var all = new List<JsonElement>();
        await server.Database.RunAsync(
            Context(tenant),
            new TenantWork().Read(
                Sql.Of($"select body from {Place.Core}.audit_entry where actor like 'actor-%' order by id"),
                row => all.Add(JsonDocument.Parse(row.Text(0)).RootElement)),
            default);
        return all;
    }

    private async Task<(List<Guid> Found, int Pages)> WalkAsync(string tenant, string query, int scanned)
    {
        // The test's own entries alone, whatever else the server writes meanwhile.
        var parsed = Parse(query.Contains("at.gte", StringComparison.Ordinal) ? query : query + "&at.lt=2025-06-01");
        var found = new List<Guid>();
        Guid? cursor = null;
        for (var pages = 1; ; pages++)
        {
            var sql = new AuditSql(parsed, cursor, scanned);
            var page = new List<Guid>();
            var rest = (Guid?)null;
            await server.Database.RunAsync(
                Context(tenant),
                new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Page, row => page.Add(row.Uuid(0))),
                default);
            if (sql.IsBounded && page.Count <= parsed.Limit)
            {
                await server.Database.RunAsync(
                    Context(tenant),
                    new TenantWork().Read(AuditSql.InOrder, static _ => { }).Read(sql.Rest, row => rest = row.Uuid(0)),
                    default);
            }

            found.AddRange(page.Take(parsed.Limit));
            cursor = page.Count > parsed.Limit ? page[parsed.Limit - 1] : rest;
            if (cursor is null)
            {
                return (found, pages);
            }

            Assert.True(pages < 5_000, query);
        }
    }
}

/// <summary>With some thousand entries of each tenant, and of others in the shared table.</summary>
public sealed class SearchServer() : DataServer(Manifest, options => options with { AuditSealing = TimeSpan.FromSeconds(10) }), IAsyncLifetime
{
    /// <summary>Of the first second of the entries that are put in.</summary>
    public const string Request = "01941f297df470008000000000000001";

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        foreach (var tenant in Tenants.Values)
        {
            var unit = tenant.Placement.Unit;
            await using var owner = new NpgsqlConnection(Cluster.ConnectionString(unit.Database) + ";Pooling=false");
            await owner.OpenAsync();
            await FillAsync(owner, unit.CoreSchema.Quoted, tenant.Id.Value, 1_500);
            for (var other = 0; unit.Isolation == IsolationKind.Shared && other < 5; other++)
            {
                await FillAsync(owner, unit.CoreSchema.Quoted, Guid.CreateVersion7(), 1_000);
            }

            await using var analyze = new NpgsqlCommand($"analyze {unit.CoreSchema.Quoted}.audit_entry, {unit.CoreSchema.Quoted}.audit_record", owner);
            await analyze.ExecuteNonQueryAsync();
        }
    }

    /// <summary>One a millisecond from 2025 on; every tenth of two records, the others of one of five.</summary>
    private static async Task FillAsync(NpgsqlConnection owner, string core, Guid tenant, int count)
    {
        await using var fill = new NpgsqlCommand(
            $$"""
            with made as (
                select g, '2025-01-01 00:00:00Z'::timestamptz + g * interval '1 millisecond' as at,
                    (lpad(to_hex(1735689600000 + g), 12, '0') || '7' || substr(md5($1::text || g), 1, 3) || '8' || substr(md5($1::text || g), 4, 15))::uuid as id,
                    'actor-' || g % 3 as actor, (array['witness.put', 'witness.remove', 'witness', 'witnessput', 'other.a'])[1 + g % 5] as action,
                    (array['person', 'city', null])[1 + g % 7 % 3] as entity, case when g % 11 = 0 then 'denied' else 'ok' end as result,
                    case when g % 10 = 0 then array[10, g % 5] else array[10 + g % 5] end as records,
                    case when g % 13 = 0 then '{{Request}}' else 'r' || g end as request
                from generate_series(1, $2) g),
            named as (
                select m.*, (select array_agg(('018f0000-0000-7000-8000-' || lpad(to_hex(r), 12, '0'))::uuid) from unnest(m.records) r) as ids from made m),
            entries as (
                insert into {{core}}.audit_entry (tenant_id, id, at, actor, action, entity, result, record, body)
                select $1, id, at, actor, action, entity, result, case when cardinality(ids) = 1 then ids[1] end,
                    '{"action":"' || action || '","actor":{"id":"' || actor || '"},"at":"' || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"'
                    || coalesce(',"entity":"' || entity || '"', '') || ',"id":"' || id || '","records":{"ids":["' || array_to_string(ids, '","') || '"]},"request":"'
                    || request || '","result":"' || result || '"}'
                from named)
            insert into {{core}}.audit_record (tenant_id, record, entry_id)
            select distinct $1, r, id from named, unnest(ids) r where cardinality(ids) > 1
            """,
            owner);
        fill.Parameters.Add(new() { Value = tenant });
        fill.Parameters.Add(new() { Value = count });
        await fill.ExecuteNonQueryAsync();
    }
}
