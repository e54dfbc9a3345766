using System.Text.Json;

namespace Bulkhead.Tests.System.Data;

/// <summary>
/// The data API over HTTP on a real PostgreSQL, in the three isolations: a shared, b schema, c database.
/// </summary>
public sealed class DataApiTests(DataServer server) : IClassFixture<DataServer>
{
    private static string Id(int n) => $"0190abcd-0000-7000-8000-{n:x12}";

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task Serve_records_from_the_socket_to_the_disk(string t)
    {
        // create: the answer is the record as it will be read
        var city = (await server.SendAsync(t, "POST", "cities", "{\"name\":\"Boston\"}")).Is(201);
        var cityId = city.Json.GetProperty("id").GetString()!;
        var made = (await server.SendAsync(t, "POST", "people", $$"""
            {"id":"{{Id(1)}}","name":"Ann 🏥","age":5,"born":"1980-02-29","seen":"2024-05-01T10:00:00.1234567+02:00","income":1.50,
             "code":"{{Id(9)}}","kind":"a","alive":true,"extra":{"bb":[1.50,1e2,-0],"a":"é<🏥"},"ssn":"123456789","city":"{{cityId}}"}
            """)).Is(201);
        Assert.EndsWith($"/t/{t}/api/v1/people/{Id(1)}", made.Location, StringComparison.Ordinal);
        var read = (await server.SendAsync(t, "GET", $"people/{Id(1)}")).Is(200);
        Assert.Equal(Normal(made.Text), Normal(read.Text));
        Assert.Equal(made.ETag, read.ETag);

        // masks, and what is not there
        var masked = (await server.SendAsync(t, "GET", $"people/{Id(1)}?fields=ssn", role: "viewer")).Is(200);
        Assert.Equal("*******89", masked.Json.GetProperty("ssn").GetString());
        Assert.Equal("unknown-parameter",
            (await server.SendAsync(t, "GET", "people?ssn=123456789", role: "viewer")).Is(400).Code);
        (await server.SendAsync(t, "GET", "cities", role: "viewer")).Is(404);
        (await server.SendAsync(t, "GET", "nowhere")).Is(404);
        (await server.SendAsync(t, "POST", "people", "{}", role: "viewer")).Is(404);
        (await server.SendAsync(t, "GET", $"people/{Id(77)}")).Is(404);
        (await server.SendAsync(t, "GET", "people/nope")).Is(404);
        Assert.Equal("unknown-expansion",
            (await server.SendAsync(t, "GET", "people?expand=city", role: "viewer")).Is(400).Code);

        // violations
        var twice = (await server.SendAsync(t, "POST", "people", $"{{\"id\":\"{Id(1)}\",\"name\":\"x\"}}")).Is(409);
        Assert.Equal("/id", twice.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
        var ssn = (await server.SendAsync(t, "POST", "people", "{\"name\":\"x\",\"ssn\":\"123456789\"}")).Is(409);
        Assert.Equal("/ssn", ssn.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
        var missing = (await server.SendAsync(t, "POST", "people",
            $"{{\"name\":\"x\",\"city\":\"{Id(5)}\",\"boss\":\"{Id(6)}\"}}")).Is(422);
        Assert.Equal("reference-not-found", missing.Code);
        Assert.Equal(2, missing.Json.GetProperty("errors").GetArrayLength());

        // idempotency
        (string, string)[] key = [("Idempotency-Key", "k1")];
        var first = (await server.SendAsync(t, "POST", "people", "{\"name\":\"Idem\"}", headers: key)).Is(201);
        var again = (await server.SendAsync(t, "POST", "people", "{\"name\":\"Idem\"}", headers: key)).Is(201);
        Assert.True(again.Replayed);
        Assert.Equal((first.Text, first.ETag, first.Location), (again.Text, again.ETag, again.Location));
        Assert.Equal("idempotency-key-reused",
            (await server.SendAsync(t, "POST", "people", "{\"name\":\"Other\"}", headers: key)).Is(422).Code);
        (await server.SendAsync(t, "POST", "people", $"{{\"id\":\"{Id(2)}\",\"name\":\"K\"}}",
            headers: [("Idempotency-Key", "k2")])).Is(201);
        Assert.True((await server.SendAsync(t, "POST", "people", $"{{\"id\":\"{Id(2)}\",\"name\":\"K\"}}",
            headers: [("Idempotency-Key", "k2")])).Is(201).Replayed);
        var race = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ =>
            server.SendAsync(t, "POST", "people", "{\"name\":\"Race\"}", headers: [("Idempotency-Key", "k3")])));
        Assert.All(race, r => r.Is(201));
        Assert.Single(race.Select(r => r.Text).Distinct());

        // update
        (await server.SendAsync(t, "PATCH", $"people/{Id(1)}", "{\"age\":6}")).Is(428);
        Assert.Equal("stale", (await server.SendAsync(t, "PATCH", $"people/{Id(1)}", "{\"age\":6}",
            headers: [("If-Match", $"\"{Id(1)}\"")])).Is(412).Code);
        var same =
            (await server.SendAsync(t, "PATCH", $"people/{Id(1)}",
            "{\"age\":5,\"income\":1.5,\"extra\":{\"a\":\"é<🏥\",\"bb\":[1.50,100,0]}}",
            headers: [("If-Match", read.ETag!)])).Is(200);
        Assert.Equal(read.ETag, same.ETag);
        var changed = (await server.SendAsync(t, "PATCH", $"people/{Id(1)}", "{\"age\":6,\"ssn\":null}",
            type: "application/merge-patch+json", headers: [("If-Match", read.ETag!)])).Is(200);
        Assert.NotEqual(read.ETag, changed.ETag);
        var reread = (await server.SendAsync(t, "GET", $"people/{Id(1)}")).Is(200);
        Assert.Equal((Normal(changed.Text), changed.ETag), (Normal(reread.Text), reread.ETag));
        Assert.Equal("reference-not-found", (await server.SendAsync(t, "PATCH", $"people/{Id(1)}",
            $"{{\"city\":\"{Id(5)}\"}}", headers: [("If-Match", changed.ETag!)])).Is(422).Code);
        (await server.SendAsync(t, "PATCH", $"people/{Id(1)}", "{\"age\":7}", headers: [("If-Match", read.ETag!)])).Is(
            412);

        // delete
        (await server.SendAsync(t, "DELETE", $"cities/{cityId}")).Is(428);
        Assert.Equal("still-referenced", (
            await server.SendAsync(t, "DELETE", $"cities/{cityId}", headers: [("If-Match", city.ETag!)])).Is(409).Code);
        var visit = (await server.SendAsync(t, "POST", "visits", $"{{\"person\":\"{Id(1)}\",\"reason\":\"flu\"}}")).Is(
            201).Json.GetProperty("id").GetString();
        (await server.SendAsync(t, "POST", "notes", $"{{\"visit\":\"{visit}\"}}")).Is(201);
        var staff =
            (await server.SendAsync(t, "POST", "people", $"{{\"name\":\"Staff\",\"boss\":\"{Id(1)}\"}}")).Is(201);
        var staffId = staff.Json.GetProperty("id").GetString();
        var expanded =
            (await server.SendAsync(t, "GET", $"people/{Id(1)}?expand=city,visits,staff&fields=name")).Is(200);
        Assert.Equal("Boston", expanded.Json.GetProperty("city").GetProperty("name").GetString());
        Assert.Equal("flu",
            expanded.Json.GetProperty("visits").GetProperty("data")[0].GetProperty("reason").GetString());
        Assert.Equal(1, expanded.Json.GetProperty("staff").GetProperty("data").GetArrayLength());
        var listExpanded =
            (await server.SendAsync(t, "GET", "people?expand=city,visits,boss&sort=name&limit=2&fields=name")).Is(200);
        (await server.SendAsync(t, "DELETE", $"people/{Id(1)}", headers: [("If-Match", read.ETag!)])).Is(412);
        (await server.SendAsync(t, "DELETE", $"people/{Id(1)}", headers: [("If-Match", changed.ETag!)])).Is(204);
        (await server.SendAsync(t, "GET", $"people/{Id(1)}")).Is(404);
        var orphan = (await server.SendAsync(t, "GET", $"people/{staffId}")).Is(200);
        Assert.Equal(JsonValueKind.Null, orphan.Json.GetProperty("boss").ValueKind);
        Assert.NotEqual(staff.ETag, orphan.ETag);
        (await server.SendAsync(t, "GET", $"visits/{visit}")).Is(404);
        var counts = (await server.SendAsync(t, "GET", "counts")).Is(200);
        Assert.Equal(0, counts.Json.GetProperty("data").GetProperty("notes").GetInt32());
        var entries = await server.EntriesAsync(t);
        var deletion = Assert.Single(entries, e => e.Contains("\"action\":\"data.delete\"", StringComparison.Ordinal)
            && e.Contains("deleted.visit", StringComparison.Ordinal));
        Assert.Contains("\"deleted.note\":\"1 sha256:", deletion, StringComparison.Ordinal);
        Assert.Contains("\"cleared.person.boss\":\"1 sha256:", deletion, StringComparison.Ordinal);
        Assert.Contains(entries, e => e.Contains("\"result\":\"denied\"", StringComparison.Ordinal));
        Assert.DoesNotContain(entries, e => e.Contains("123456789", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task Page_through_every_record_once_in_every_order(string t)
    {
        var lines = Enumerable.Range(0, 60).Select(i => JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["id"] = Id(1_000 + i), ["name"] = "P" + (i % 7), ["age"] = i % 5 == 0 ? null : i % 4,
            ["born"] = i % 3 == 0 ? null : $"19{50 + (i % 6)}-01-01", ["kind"] = "b",
            ["extra"] = new { n = i }, ["income"] = i / 2m,
        }));
        (await server.SendAsync(t, "POST", "people/import", string.Join('\n', lines),
            type: "application/x-ndjson")).Is(200);
        foreach (var sort in new[] { "", "age", "-age", "age,-born", "-age,born,name", "-age,-born", "name", "-id",
            "born,-age,-name", "income" })
        {
            foreach (var fields in new[] { "id", "ssn" })
            {
                var seen = new List<string>();
                string? after = null;
                do
                {
                    var page = (await server.SendAsync(
                        t, "GET",
                            $"people?kind=b&limit=7&fields={fields}&sort={sort}".Replace("&sort=&", "&",
                            StringComparison.Ordinal).TrimEnd('=').Replace("&sort", sort.Length == 0 ? "" : "&sort",
                            StringComparison.Ordinal)
                            + (after is null ? "" : "&after=" + after))).Is(200);
                    seen.AddRange(
                        page.Json.GetProperty("data").EnumerateArray().Select(r => r.GetProperty("id").GetString()!));
                    after = page.Json.GetProperty("next").GetString();
                }
                while (after is not null);
                var whole = (await server.SendAsync(t, "GET",
                    $"people?kind=b&limit=200&fields={fields}" + (sort.Length == 0 ? "" : "&sort=" + sort))).Is(200);
                Assert.Equal(whole.Json.GetProperty("data").EnumerateArray().Select(r =>
                    r.GetProperty("id").GetString()!), seen);
                Assert.Equal(60, seen.Distinct().Count());
            }
        }

        var first = (await server.SendAsync(t, "GET", "people?kind=b&limit=7")).Is(200);
        var cursor = first.Json.GetProperty("next").GetString();
        Assert.Equal("invalid-cursor",
            (await server.SendAsync(t, "GET", $"people?kind=a&limit=7&after={cursor}")).Is(400).Code);
        Assert.Equal("invalid-cursor",
            (await server.SendAsync(t, "GET", $"people?kind=b&limit=7&after={cursor}", role: "viewer")).Is(400).Code);
        Assert.Equal("invalid-cursor", (
            await server.SendAsync(t == "a" ? "b" : "a", "GET", $"people?kind=b&limit=7&after={cursor}")).Is(400).Code);
        Assert.Equal("invalid-cursor",
            (await server.SendAsync(t, "GET", "people?kind=b&limit=7&after=zz~")).Is(400).Code);
        foreach (var filter in new[]
        {
            "name.prefix=P1", "name.in=P1,P2", "age.null=true", "age.gte=2&age.lt=3", "born.ne=1951-01-01",
                "income.gt=3.5",
            "seen.null=true", "alive.ne=true", "extra.null=false", "code.null=true",
                "createdAt.gte=2020-01-01T00:00:00Z", "kind.in=a,b",
            $"id.in={Id(1_000)},{Id(1_001)}", "income.in=1,2.5", "alive.in=true", "born.in=1951-01-01",
                "updatedAt.in=2020-01-01T00:00:00Z", "age.in=1",
        })
        {
            (await server.SendAsync(t, "GET", "people?kind=b&" + filter)).Is(200);
        }
    }

    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task Import_what_is_good_and_say_why_the_rest_is_not(string t)
    {
        (await server.SendAsync(t, "POST", "people",
            $"{{\"id\":\"{Id(9_000)}\",\"name\":\"Old\",\"ssn\":\"S{t}\"}}")).Is(201);
        string[] lines =
        [
            $"{{\"id\":\"{Id(9_000)}\",\"name\":\"New\"}}",                              // exists
            $"{{\"id\":\"{Id(9_001)}\",\"name\":\"A\",\"boss\":\"{Id(9_002)}\"}}",         // refers to a later line
            $"{{\"id\":\"{Id(9_002)}\",\"name\":\"B\",\"boss\":\"{Id(9_000)}\"}}",         // refers to the table
            $"{{\"id\":\"{Id(9_003)}\",\"name\":\"C\",\"ssn\":\"S{t}\"}}",                // taken
            $"{{\"id\":\"{Id(9_004)}\",\"name\":\"D\",\"boss\":\"{Id(9_003)}\"}}",         // refers to a rejected line
            $"{{\"id\":\"{Id(9_005)}\",\"name\":\"E\",\"boss\":\"{Id(9_004)}\"}}",         // and so on
            $"{{\"id\":\"{Id(9_006)}\",\"name\":\"F\",\"city\":\"{Id(9_999)}\"}}",         // nowhere
            $"{{\"id\":\"{Id(9_002)}\",\"name\":\"G\"}}",                                // twice
            $"{{\"id\":\"{Id(9_007)}\",\"name\":\"H\",\"ssn\":\"T{t}\"}}",
            $"{{\"id\":\"{Id(9_008)}\",\"name\":\"I\",\"ssn\":\"T{t}\"}}",                // taken by the line before
            "{\"id\":\"x\",\"nope\":1}", "not json", "",
        ];
        var answer = (await server.SendAsync(t, "POST", "people/import", string.Join('\n', lines),
            type: "application/x-ndjson", headers: [("Import-Source", "people.csv")])).Is(200);
        Assert.Equal((12, 3, 1), (answer.Json.GetProperty("received").GetInt32(),
            answer.Json.GetProperty("created").GetInt32(), answer.Json.GetProperty("existing").GetInt32()));
        Assert.Equal(
            [
                (4, "unique-violation", "/ssn"), (5, "reference-not-found", "/boss"),
                    (6, "reference-not-found", "/boss"),
                (7, "reference-not-found", "/city"), (8, "duplicate-id", "/id"), (10, "unique-violation", "/ssn"),
                (11, "invalid-id", "/id"), (12, "malformed-json", ""),
            ],
            answer.Json.GetProperty("rejected").EnumerateArray().Select(r =>
                (r.GetProperty("line").GetInt32(), r.GetProperty("code").GetString()!,
                    r.GetProperty("pointer").GetString()!)));
        var again = (await server.SendAsync(t, "POST", "people/import", string.Join('\n', lines),
            type: "application/x-ndjson")).Is(200);
        Assert.Equal((0, 4),
            (again.Json.GetProperty("created").GetInt32(), again.Json.GetProperty("existing").GetInt32()));
        Assert.Contains(await server.EntriesAsync(t), e => e.Contains("data.import", StringComparison.Ordinal)
            && e.Contains("people.csv", StringComparison.Ordinal)
                && e.Contains("\"count\":3", StringComparison.Ordinal));

        // Two chunks with the same lines at once: each line is created once.
        var chunk = string.Join('\n',
            Enumerable.Range(0, 500).Select(i => $"{{\"id\":\"{Id(20_000 + i)}\",\"name\":\"R\",\"ssn\":\"{t}{i}\"}}"));
        var both = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            server.SendAsync(t, "POST", "people/import", chunk, type: "application/x-ndjson")));
        Assert.All(both, b => b.Is(200));
        Assert.Equal(500, both.Sum(b => b.Json.GetProperty("created").GetInt32()));
        Assert.Equal(1_500, both.Sum(b => b.Json.GetProperty("existing").GetInt32()));
    }

    private static string Normal(string json) => JsonSerializer.Serialize(JsonDocument.Parse(json).RootElement);
}
