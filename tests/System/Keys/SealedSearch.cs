using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Sealed fields are found by equality through an index that says nothing, and in no other way.</summary>
[Collection(OneVault.Name)]
public sealed class SealedSearch(VaultServer server)
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Equal_in_and_null_find_what_they_name_also_one_by_one(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var mark = $"find {Guid.NewGuid():N}";
        var many = new List<Guid>();
        for (var i = 0; i < 9; i++)
        {
            many.Add(await server.CreateAsync(slug, new { name = mark, nick = $"{mark}, {i % 3}", badge = i }));
        }

        // Lists go by id, and ids of one millisecond have no order of their own.
        var none = await server.CreateAsync(slug, new { name = mark });
        await server.CreateAsync(VaultServer.B(kind), new { name = mark, nick = $"{mark}, 1" });

        Assert.Equal(many.Where((_, i) => i % 3 == 1).Order(), await FindAsync(slug, $"nick={Uri.EscapeDataString($"{mark}, 1")}"));
        Assert.Equal(many.Where((_, i) => i % 3 == 1).Order(), await FindAsync(slug, $"nick.eq={Uri.EscapeDataString($"{mark}, 1")}"));
        var both = Uri.EscapeDataString($"{mark}\\, 0,{mark}\\, 2,{mark}\\, 0,never");
        Assert.Equal(many.Where((_, i) => i % 3 != 1).Order(), await FindAsync(slug, $"nick.in={both}"));
        Assert.Equal(
            many.Where((_, i) => i % 3 != 1).Reverse(), await FindAsync(slug, $"nick.in={both}&sort=-createdAt", limit: 2));
        Assert.Equal([none], await FindAsync(slug, $"nick.null=true&name={mark}"));
        Assert.Equal(many.Order(), await FindAsync(slug, $"nick.null=false&name={mark}"));
        Assert.Equal([many[4]], await FindAsync(slug, $"badge=4&nick={Uri.EscapeDataString($"{mark}, 1")}"));
        Assert.Empty(await FindAsync(slug, $"badge=4&nick={Uri.EscapeDataString($"{mark}, 2")}"));
        Assert.Empty(await FindAsync(slug, $"nick={Uri.EscapeDataString($"{mark}, 1".ToUpperInvariant())}"));
        // Without the searched field among those shown.
        Assert.Equal(
            many.Where((_, i) => i % 3 == 1).Order(), await FindAsync(slug, $"fields=name&nick={Uri.EscapeDataString($"{mark}, 1")}"));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_row_is_found_under_its_new_value_and_no_more_under_the_old(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var (old, now) = ($"old{Guid.NewGuid():N}", $"new{Guid.NewGuid():N}");
        var id = await server.CreateAsync(slug, new { nick = old });
        (await server.PatchAsync(slug, id, new { nick = now })).Is(HttpStatusCode.OK);
        Assert.Empty(await FindAsync(slug, $"nick={old}"));
        Assert.Equal([id], await FindAsync(slug, $"nick={now}"));
        (await server.PatchAsync(slug, id, new { nick = (string?)null })).Is(HttpStatusCode.OK);
        Assert.Empty(await FindAsync(slug, $"nick={now}"));
        Assert.Empty(await FindAsync(slug, $"id={id}&nick.null=false"));
        Assert.Equal([id], await FindAsync(slug, $"id={id}&nick.null=true"));
    }

    /// <summary>Two values can share an index; here somebody who owns the database makes them do so.</summary>
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_row_whose_index_is_that_of_another_value_is_not_shown_under_it(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var mark = Guid.NewGuid().ToString("N");
        var rows = new List<Guid>();
        for (var i = 0; i < 6; i++)
        {
            rows.Add(await server.CreateAsync(slug, new { nick = i % 2 == 0 ? $"a{mark}" : $"b{mark}", ssn = $"{mark}{i}" }));
        }

        var (nick, ssn) = (server.BlindIndex("person", "nick"), server.BlindIndex("person", "ssn"));
        await using var owner = await server.AsOwnerOfAsync(slug);
        var table = server.Table(slug, "person");
        Assert.Equal(3, await owner.RunAsync(
            $"update {table} set {nick} = (select {nick} from {table} where id = $1) where id = any($2)",
            default, rows[0], new[] { rows[1], rows[3], rows[5] }));

        var sought = new[] { rows[0], rows[2], rows[4] }.Order().ToArray();
        Assert.Equal(sought, await FindAsync(slug, $"nick=a{mark}"));
        Assert.Equal(sought, await FindAsync(slug, $"nick=a{mark}", limit: 6));
        Assert.Equal(sought, await FindAsync(slug, $"nick=a{mark}&fields=name", limit: 2));
        Assert.Empty(await FindAsync(slug, $"nick=b{mark}"));

        // The unique index of another row: also there, opening decides.
        await owner.RunAsync(
            $"update {table} set {ssn} = case when id = $1 then null else {ssn} end where id = any($2)", default, rows[0], rows.ToArray());
        await owner.RunAsync(
            $"update {table} set {ssn} = sha256({ssn}) where id = $1", default, rows[1]);
        Assert.Empty(await FindAsync(slug, $"ssn={mark}1"));
        Assert.Empty(await FindAsync(slug, $"id={rows[0]}&ssn.null=true"));

        // An index taken away, or put where there is no value, makes no row one without a value, or with one.
        await owner.RunAsync($"update {table} set {nick} = null where id = $1", default, rows[2]);
        Assert.Empty(await FindAsync(slug, $"id={rows[2]}&nick.null=true"));
        var bare = await server.CreateAsync(slug, new { name = mark });
        await owner.RunAsync(
            $"update {table} set {nick} = (select {nick} from {table} where id = $1) where id = $2", default, rows[0], bare);
        Assert.Empty(await FindAsync(slug, $"id={bare}&nick.null=false"));
        Assert.DoesNotContain(bare, await FindAsync(slug, $"nick=a{mark}"));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task One_value_has_another_index_in_every_tenant_entity_and_field(IsolationKind kind)
    {
        var (a, b) = (VaultServer.A(kind), VaultServer.B(kind));
        var value = $"everywhere{Guid.NewGuid():N}";
        var inA = await server.CreateAsync(a, new { nick = value, ssn = value });
        var inB = await server.CreateAsync(b, new { nick = value, ssn = value });
        var visit = await server.CreateAsync(a, new { person = inA, history = value }, "visits");
        var indexes = new List<string>();
        foreach (var (slug, entity, field, id) in new[]
        {
            (a, "person", "nick", inA), (a, "person", "ssn", inA), (b, "person", "nick", inB), (b, "person", "ssn", inB),
            (a, "visit", "history", visit),
        })
        {
            await using var owner = await server.AsOwnerOfAsync(slug);
            var index = (await owner.ScalarAsync<byte[]>(
                $"select {server.BlindIndex(entity, field)} from {server.Table(slug, entity)} where id = $1", default, id))!;
            Assert.Equal(field == "ssn" ? 17 : 5, index.Length);
            indexes.Add(Convert.ToHexString(index.AsSpan(0, 5)));
        }

        Assert.Equal(indexes.Count, indexes.Distinct().Count());
    }

    public static TheoryData<string, string> Refused()
    {
        var queries = new TheoryData<string, string>();
        foreach (var operation in new[] { "ne", "gt", "gte", "lt", "lte", "prefix" })
        {
            queries.Add($"nick.{operation}=x", "equality only");
            queries.Add($"ssn.{operation}=x", "equality only");
        }

        foreach (var operation in new[] { "eq", "ne", "gt", "in", "null", "prefix" })
        {
            queries.Add($"card.{operation}=x", "search: equality");
        }

        queries.Add("born=2000-01-01", "search: equality");
        queries.Add("alive=true", "search: equality");
        queries.Add("blood.in=A,B", "search: equality");
        queries.Add("weight.gt=1", "search: equality");
        queries.Add("seen.null=true", "search: equality");
        queries.Add("chart.null=true", "search: equality");
        queries.Add("badge.lt=1", "equality only");
        queries.Add("device.gt=00000000-0000-0000-0000-000000000000", "equality only");
        foreach (var field in new[] { "nick", "ssn", "card", "born", "seen", "weight", "alive", "blood", "device", "history", "badge" })
        {
            queries.Add($"sort={field}", "order");
            queries.Add($"sort=name,-{field}", "order");
        }

        return queries;
    }

    [Theory, MemberData(nameof(Refused))]
    public async Task What_an_index_cannot_answer_is_refused_with_the_reason(string query, string reason)
    {
        var slug = VaultServer.A(IsolationKind.Schema);
        var refused = (await server.CallAsync("GET", slug, $"people?{query}")).Is(HttpStatusCode.BadRequest);
        var fault = Assert.Single(refused.Json.GetProperty("errors").EnumerateArray());
        Assert.Equal("sealed-field", fault.GetProperty("code").GetString());
        Assert.Equal(query.Split('=')[0], fault.GetProperty("parameter").GetString());
        Assert.Contains(reason, fault.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_api_document_offers_no_operator_and_no_sort_that_is_refused()
    {
        var slug = VaultServer.A(IsolationKind.Database);
        var document = (await server.CallAsync("GET", slug, "openapi.json")).Is(HttpStatusCode.OK).Json;
        var list = document.GetProperty("paths").EnumerateObject()
            .Single(path => path.Name.EndsWith("/people", StringComparison.Ordinal)).Value.GetProperty("get");
        var parameters = list.GetProperty("parameters").EnumerateArray()
            .Select(p => p.TryGetProperty("$ref", out _) ? "" : p.GetProperty("name").GetString()!).ToList();
        string[] searched = ["nick", "badge", "ssn", "device"];
        foreach (var field in new[]
        {
            "nick", "badge", "ssn", "card", "born", "seen", "weight", "steps", "alive", "blood", "device", "chart", "history",
        })
        {
            var offered = parameters.Where(p => p == field || p.StartsWith(field + ".", StringComparison.Ordinal)).Order().ToList();
            Assert.Equal(searched.Contains(field) ? [field, $"{field}.in", $"{field}.null"] : [], offered);
        }

        Assert.Contains("name.prefix", parameters);
        var sort = list.GetProperty("parameters").EnumerateArray()
            .Single(p => p.TryGetProperty("name", out var name) && name.GetString() == "sort").GetRawText();
        Assert.Contains("name", sort, StringComparison.Ordinal);
        Assert.All(
            ["nick", "ssn", "born", "weight", "history"], field => Assert.DoesNotContain($"{field}\"", sort, StringComparison.Ordinal));

        // What is offered works, and what is not is refused: the document tells the truth.
        foreach (var name in parameters.Where(p => searched.Any(f => p.StartsWith(f, StringComparison.Ordinal))))
        {
            var value = name switch
            {
                _ when name.EndsWith(".null", StringComparison.Ordinal) => "true",
                _ when name.StartsWith("badge", StringComparison.Ordinal) => "1",
                _ when name.StartsWith("device", StringComparison.Ordinal) => Guid.Empty.ToString(),
                _ => "x",
            };
            (await server.CallAsync("GET", slug, $"people?{name}={value}")).Is(HttpStatusCode.OK);
        }
    }

    private async Task<List<Guid>> FindAsync(string slug, string query, int limit = 1)
    {
        var found = new List<Guid>();
        string? after = null;
        for (var pages = 0; ; pages++)
        {
            Assert.True(pages < 100, $"{query} does not end");
            var cursor = after is null ? "" : $"&after={Uri.EscapeDataString(after)}";
            var page = (await server.CallAsync("GET", slug, $"people?{query}&limit={limit}{cursor}")).Is(HttpStatusCode.OK);
            found.AddRange(page.Json.GetProperty("data").EnumerateArray().Select(record => record.GetProperty("id").GetGuid()));
            Assert.True(page.Json.GetProperty("data").GetArrayLength() <= limit);
            if (page.Json.GetProperty("next") is not { ValueKind: JsonValueKind.String } next)
            {
                return found;
            }

            after = next.GetString();
        }
    }
}
