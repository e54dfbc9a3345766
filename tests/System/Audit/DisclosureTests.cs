using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Keys;
using Bulkhead.Tests.System.Data;
using Bulkhead.Tests.System.Keys;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What fields held stands in entries as salted digests; it is disclosed value by value, and erased with the person.</summary>
public sealed class DisclosureTests(DisclosureTests.PersonsServer server) : LogChecks(server), IClassFixture<DisclosureTests.PersonsServer>
{
    private static readonly string App = PersonServer.App
        .Replace("audit: read", "audit: disclose", StringComparison.Ordinal)
        .Replace("  viewer:\n", "  viewer:\n    audit: read\n", StringComparison.Ordinal)
        .Replace(
            "      safe: { type: text, maxLength: 100, class: secret }",
            """
                  safe: { type: text, maxLength: 100, class: secret }
                  beds: { type: integer, class: internal }
                  rate: { type: decimal, scale: 2, class: internal }
                  open: { type: boolean, class: internal }
                  since: { type: date, class: internal }
                  seen: { type: timestamp, class: internal }
                  extra: { type: json, class: internal }
            """,
            StringComparison.Ordinal);

    public sealed class PersonsServer() : DataServer(
        App,
        options => options with
        {
            AuditSealing = TimeSpan.FromMilliseconds(50), KeyUpkeep = TimeSpan.FromHours(1), KeyAnnouncement = TimeSpan.FromMilliseconds(600),
            CatalogueStale = TimeSpan.FromSeconds(2), StatementTimeout = TimeSpan.FromSeconds(2),
        });

    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task Each_value_before_and_after_is_disclosed_and_verifies(string tenant)
    {
        const string Extra = """{"zeta":[1,2.50,{"b":null,"a":"\u00e9\n"}],"alpha":true}""";
        var created = (await server.SendAsync(tenant, "POST", "places", $$"""
            {"name":"Cedar \"Ward\" é🏥","safe":"plantedsecret","beds":12,"rate":3.50,"open":true,"since":"2026-01-02","seen":"2026-01-02T03:04:05.678901Z","extra":{{Extra}}}
            """)).Is(201);
        var id = created.Json.GetProperty("id").GetString()!;
        var updated = (await server.SendAsync(
            tenant, "PATCH", $"places/{id}", """{"name":"Oak","rate":null,"safe":"anotherplanted"}""",
            headers: ("If-Match", created.ETag!))).Is(200);
        (await server.SendAsync(tenant, "DELETE", $"places/{id}", headers: ("If-Match", updated.ETag!))).Is(204);
        await SealedAsync(tenant);

        var values = await ValuesAsync(tenant, id, "data.create");
        Assert.Equal(["beds", "extra", "name", "open", "rate", "seen", "since"], values.Keys.Order());
        Assert.All(values.Values, value => Assert.Equal("null", value.Before));
        Assert.Equal("12", values["beds"].After);
        Assert.Equal("3.5", values["rate"].After);
        Assert.Equal("true", values["open"].After);
        Assert.Equal("\"Cedar \\\"Ward\\\" é🏥\"", values["name"].After);
        Assert.Equal("""{"alpha":true,"zeta":[1,2.50,{"a":"é\n","b":null}]}""", values["extra"].After);
        values = await ValuesAsync(tenant, id, "data.update");
        Assert.Equal(["name", "rate"], values.Keys.Order());
        Assert.Equal(("\"Cedar \\\"Ward\\\" é🏥\"", "\"Oak\""), (values["name"].Before, values["name"].After));
        Assert.Equal(("3.5", "null"), (values["rate"].Before, values["rate"].After));
        values = await ValuesAsync(tenant, id, "data.delete");
        Assert.Equal(["beds", "extra", "name", "open", "seen", "since"], values.Keys.Order());
        Assert.Equal(("\"Oak\"", "null"), (values["name"].Before, values["name"].After));

        // By field, in an export that the verifier accepts; changed by a letter it does not.
        var whole = await ExportAsync(tenant, "?disclose=*");
        var verdict = await VerifyAsync(tenant, whole);
        Assert.True(verdict.Code == 0, verdict.Output);
        var one = await ExportAsync(tenant, "?disclose=beds,rate");
        Assert.Equal(
            ["beds", "rate"],
            Disclosed(one).Select(d => JsonDocument.Parse(d).RootElement[1].GetString()!).Distinct().Order());
        Assert.Equal(0, (await VerifyAsync(tenant, one)).Code);
        var text = values["name"].Text;
        var other = text[..30] + (text[30] == 'A' ? 'B' : 'A') + text[31..];
        Assert.Contains(text, whole, StringComparison.Ordinal);
        verdict = await VerifyAsync(tenant, Again(whole, text, other));
        Assert.Equal(1, verdict.Code);
        Assert.Contains("its disclosure", verdict.Output, StringComparison.Ordinal);

        // Nobody asked: nothing of it.
        Assert.DoesNotContain("disclosures", await ExportAsync(tenant, ""), StringComparison.Ordinal);
        await using var owner = await OwnerAsync(tenant);
        foreach (var table in new[] { "audit_entry", "audit_disclosure" })
        {
            Assert.Equal(0L, await ScalarAsync<long>(
                owner, $"select count(*) from {Core(tenant)}.{table} t where t::text like '%Cedar%' or t::text like '%planted%'"));
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_person_that_is_forgotten_takes_its_values_along_and_the_tree_stays(string tenant)
    {
        var person = await CreatedAsync(tenant, "people", """{"name":"Anna","blood":"AB","ssn":"1"}""");
        var visit = await CreatedAsync(tenant, "visits", $$"""{"person":"{{person}}","findings":"fracture","room":"12"}""");
        await SealedAsync(tenant);
        Assert.Equal("\"AB\"", (await ValuesAsync(tenant, person, "data.create"))["blood"].After);
        Assert.Equal("\"fracture\"", (await ValuesAsync(tenant, visit, "data.create"))["findings"].After);
        Assert.Equal("\"12\"", (await ValuesAsync(tenant, visit, "data.create"))["room"].After);
        (await server.SendAsync(tenant, "POST", $"keys/subjects/people/{person}/erase")).Is(200);

        foreach (var (record, fields) in new[] { (person, 2), (visit, 3) })
        {
            var (entry, body) = await EntryAsync(tenant, record, "data.create");
            Assert.Equal(fields, body.GetProperty("values").GetArrayLength());
            var gone = (await server.SendAsync(tenant, "GET", $"audit/{entry}/values")).Is(200).Json;
            Assert.True(gone.GetProperty("erased").GetBoolean());
            Assert.Equal(0, gone.GetProperty("values").GetArrayLength());
        }

        await SealedAsync(tenant);
        var export = await ExportAsync(tenant, "?disclose=*");
        Assert.DoesNotContain(Disclosed(export), d => d.Contains("fracture", StringComparison.Ordinal) || d.Contains("Anna", StringComparison.Ordinal));
        var verdict = await VerifyAsync(tenant, export);
        Assert.True(verdict.Code == 0, verdict.Output);
    }

    [Fact]
    public async Task The_deepest_and_oddest_values_that_a_record_takes_verify()
    {
        var deep = new string('[', 31) + "1e2" + new string(']', 31);
        var id = await CreatedAsync("b", "places", $$"""{"name":"\u0001\u007f\u2028\ud83c\udfe5\\\"/","extra":{{deep}},"beds":-9223372036854775808}""");
        Assert.Equal(422, (await server.SendAsync("b", "POST", "places", """{"name":"half \ud83c"}""")).Status);
        await SealedAsync("b");
        Assert.Equal(deep.Replace("1e2", "100", StringComparison.Ordinal), (await ValuesAsync("b", id, "data.create"))["extra"].After);
        var verdict = await VerifyAsync("b", await ExportAsync("b", "?disclose=*"));
        Assert.True(verdict.Code == 0, verdict.Output);
    }

    [Fact]
    public async Task With_a_person_that_is_deleted_goes_what_discloses_its_values()
    {
        var created = (await server.SendAsync("b", "POST", "people", """{"name":"Berta","blood":"0"}""")).Is(201);
        var person = created.Json.GetProperty("id").GetString()!;
        var (entry, _) = await EntryAsync("b", person, "data.create");
        (await server.SendAsync("b", "DELETE", $"people/{person}", headers: ("If-Match", created.ETag!))).Is(204);
        Assert.True((await server.SendAsync("b", "GET", $"audit/{entry}/values")).Is(200).Json.GetProperty("erased").GetBoolean());
        var (_, deletion) = await EntryAsync("b", person, "data.delete");
        Assert.False(deletion.TryGetProperty("values", out _));
    }

    [Fact]
    public async Task A_person_that_comes_again_under_the_same_id_takes_nothing_over_and_holds_no_rotation_up()
    {
        const string Body = """{"id":"01a20000-0000-7000-8000-00000000aaaa","name":"Dora"}""";
        var created = (await server.SendAsync("a", "POST", "people", Body)).Is(201);
        var person = created.Json.GetProperty("id").GetString()!;
        var (entry, _) = await EntryAsync("a", person, "data.create");
        (await server.SendAsync("a", "DELETE", $"people/{person}", headers: ("If-Match", created.ETag!))).Is(204);
        (await server.SendAsync("a", "POST", "people", Body)).Is(201);
        Assert.True((await server.SendAsync("a", "GET", $"audit/{entry}/values")).Is(200).Json.GetProperty("erased").GetBoolean());

        await using var owner = await OwnerAsync("a");
        var old = await ScalarAsync<int>(owner, $"select max(get_byte(_sealed_secret, 5)) from {Core("a")}.audit_disclosure where tenant_id = '{Id("a")}'");
        (await server.SendAsync("a", "POST", "keys/rotate?key=data")).Is(200);
        var upkeep = server.Services.GetRequiredService<KeyUpkeep>();
        for (var i = 0; await ScalarAsync<long>(owner, $"select count(*) from {Core("a")}.audit_disclosure where tenant_id = '{Id("a")}' and get_byte(_sealed_secret, 5) <= {old}") > 0; i++)
        {
            Assert.True(i < 60, "the disclosures are not rewritten");
            await Task.Delay(100);
            await upkeep.TendAsync(default);
        }
    }

    [Fact]
    public async Task Who_may_only_read_the_log_discloses_nothing_and_who_discloses_is_in_it()
    {
        var id = await CreatedAsync("a", "places", """{"name":"Elm","beds":3}""");
        var (entry, _) = await EntryAsync("a", id, "data.create");
        await SealedAsync("a");
        (await server.SendAsync("a", "GET", "audit?limit=1", role: "viewer")).Is(200);
        Assert.Equal(404, (await server.SendAsync("a", "GET", $"audit/{entry}/values", role: "viewer")).Status);
        Assert.Equal(404, (await server.SendAsync("a", "GET", "audit/export?disclose=*", role: "viewer")).Status);
        Assert.Equal(2, (await server.SendAsync("a", "GET", "audit?action=audit.disclose&result=denied&limit=2")).Is(200).Json.GetProperty("data").GetArrayLength());

        (await server.SendAsync("a", "GET", $"audit/{entry}/values?fields=beds,none")).Is(200);
        (await server.SendAsync("a", "GET", "audit/export?disclose=beds")).Is(200);
        var (_, shown) = await EntryAsync("a", id, "audit.disclose");
        Assert.Equal($"{entry}", shown.GetProperty("details").GetProperty("entry").GetString());
        Assert.Equal(["beds", "none"], shown.GetProperty("fields").EnumerateArray().Select(f => f.GetString()));
        var export = (await server.SendAsync("a", "GET", "audit?action=audit.export&limit=1")).Is(200).Json.GetProperty("data")[0];
        Assert.Equal("beds", export.GetProperty("details").GetProperty("disclose").GetString());

        foreach (var (path, status) in new[]
        {
            ($"audit/{Guid.NewGuid()}/values", 404), ($"audit/{shown.GetProperty("id").GetString()}/values", 404), ($"audit/{entry}/values?field=x", 400),
            ($"audit/{entry}/values?fields=", 400), ($"audit/{entry}/values?fields=a&fields=b", 400), ("audit/export?disclose=", 400),
            ("audit/export?disclose=beds&format=ocsf", 400), ("audit/nothing/values", 404),
        })
        {
            Assert.Equal(status, (await server.SendAsync("a", "GET", path)).Status);
        }

        // Another tenant's entry is none.
        Assert.Equal(404, (await server.SendAsync("c", "GET", $"audit/{entry}/values")).Status);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task What_the_owner_puts_in_its_place_does_not_open(string tenant)
    {
        var first = await CreatedAsync(tenant, "places", """{"name":"Ash"}""");
        var second = await CreatedAsync(tenant, "places", """{"name":"Fir"}""");
        var (one, _) = await EntryAsync(tenant, first, "data.create");
        var (other, _) = await EntryAsync(tenant, second, "data.create");
        await SealedAsync(tenant);
        await using var owner = await OwnerAsync(tenant);
        await RunAsync(owner, $"""
            update {Core(tenant)}.audit_disclosure d set _sealed_secret = o._sealed_secret from {Core(tenant)}.audit_disclosure o
            where d.tenant_id = '{Id(tenant)}' and d.id = '{one}' and o.tenant_id = d.tenant_id and o.id = '{other}'
            """);
        Assert.Equal("disclosure-damaged", (await server.SendAsync(tenant, "GET", $"audit/{one}/values")).Is(409).Code);

        var export = await ExportAsync(tenant, "?disclose=*");
        Assert.Equal(0, (await VerifyAsync(tenant, export)).Code);
        Assert.DoesNotContain(Disclosed(export), d => d.Contains("\"Ash\"", StringComparison.Ordinal));
        Assert.Contains(Disclosed(export), d => d.Contains("\"Fir\"", StringComparison.Ordinal));

        // What is shown as the record is what was sealed.
        await RunAsync(owner, $"update {Core(tenant)}.audit_entry set record = '{first}', entity = 'city' where tenant_id = '{Id(tenant)}' and id = '{other}'");
        var shown = (await server.SendAsync(tenant, "GET", $"audit/{other}/values")).Is(200).Json;
        Assert.Equal((second, "place"), (shown.GetProperty("record").GetString(), shown.GetProperty("entity").GetString()));

        // Nobody erases what is about no person.
        await RunAsync(owner, $"update {Core(tenant)}.audit_disclosure set _sealed_secret = null where tenant_id = '{Id(tenant)}' and id = '{other}'");
        Assert.Equal("disclosure-damaged", (await server.SendAsync(tenant, "GET", $"audit/{other}/values")).Is(409).Code);
        await RunAsync(owner, $"delete from {Core(tenant)}.audit_disclosure where tenant_id = '{Id(tenant)}' and id = '{other}'");
        Assert.Equal("disclosure-damaged", (await server.SendAsync(tenant, "GET", $"audit/{other}/values")).Is(409).Code);
    }

    [Fact]
    public async Task A_rotation_brings_disclosures_under_the_new_key()
    {
        var place = await CreatedAsync("c", "places", """{"name":"Yew"}""");
        var person = await CreatedAsync("c", "people", """{"name":"Carla"}""");
        await using var owner = await OwnerAsync("c");
        var old = await ScalarAsync<int>(owner, $"select max(get_byte(_sealed_secret, 5)) from {Core("c")}.audit_disclosure");
        (await server.SendAsync("c", "POST", "keys/rotate?key=data")).Is(200);
        var upkeep = server.Services.GetRequiredService<KeyUpkeep>();
        for (var i = 0; await ScalarAsync<long>(owner, $"select count(*) from {Core("c")}.audit_disclosure where get_byte(_sealed_secret, 5) <= {old}") > 0; i++)
        {
            Assert.True(i < 60, "the disclosures are not rewritten");
            await Task.Delay(100);
            await upkeep.TendAsync(default);
        }

        Assert.Equal("\"Yew\"", (await ValuesAsync("c", place, "data.create"))["name"].After);
        Assert.Equal("\"Carla\"", (await ValuesAsync("c", person, "data.create"))["name"].After);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_tree_that_somebody_rewrote_is_not_signed_further(string tenant)
    {
        await WriteAsync(tenant, 2);
        await using var owner = await OwnerAsync(tenant);
        var tree = $"{Core(tenant)}.audit_tree";
        var flip = $"update {tree} set frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1) where tenant_id = '{Id(tenant)}'";
        await RunAsync(owner, flip);
        var size = await ScalarAsync<long>(owner, $"select size from {tree} where tenant_id = '{Id(tenant)}'");
        (await server.SendAsync(tenant, "POST", "places", """{"name":"Birch"}""")).Is(201);
        await Task.Delay(1000);
        Assert.Equal(size, await ScalarAsync<long>(owner, $"select size from {tree} where tenant_id = '{Id(tenant)}'"));
        await RunAsync(owner, flip);
        await SealedAsync(tenant);
    }

    [Fact]
    public async Task An_entry_says_how_the_caller_was_known_from_where_and_under_which_ticket()
    {
        var answer = await server.SendAsync(
            "a", "POST", "places", """{"name":"Larch"}""", headers: [("Purpose", "moving in"), ("Ticket", "CHG-4711")]);
        var (_, body) = await EntryAsync("a", answer.Is(201).Json.GetProperty("id").GetString()!, "data.create");
        Assert.Equal("CHG-4711", body.GetProperty("ticket").GetString());
        Assert.Equal("moving in", body.GetProperty("purpose").GetString());
        Assert.Equal("secret", body.GetProperty("assurance").GetString());
        Assert.Contains(body.GetProperty("source").GetString(), new[] { "127.0.0.1", "::1" });
        var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(server.Tokens[("a", "admin")].Split('.')[1])).RootElement;
        Assert.Equal(claims.GetProperty("jti").GetString(), body.GetProperty("credential").GetString());
    }

    private static List<string> Disclosed(string export) =>
    [
        .. export.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(line => line.TryGetProperty("disclosures", out _))
            .SelectMany(line => line.GetProperty("disclosures").EnumerateArray())
            .Select(d => Encoding.UTF8.GetString(Base64Url.DecodeFromChars(d.GetString()))),
    ];

    /// <summary>Changed, with the digest of its end made anew: only what the log itself proves can tell.</summary>
    private static string Again(string export, string from, string to)
    {
        var changed = export.Replace(from, to, StringComparison.Ordinal);
        var end = changed.LastIndexOf("{\"type\":\"end\"", StringComparison.Ordinal);
        var digest = Convert.ToHexStringLower(global::System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(changed[..end])));
        var entries = JsonDocument.Parse(changed[end..]).RootElement.GetProperty("entries").GetInt32();
        return $$"""{{changed[..end]}}{"type":"end","entries":{{entries}},"sha256":"{{digest}}"}""" + "\n";
    }

    private async Task<string> CreatedAsync(string tenant, string plural, string body) =>
        (await server.SendAsync(tenant, "POST", plural, body)).Is(201).Json.GetProperty("id").GetString()!;

    private async Task<(Guid Id, JsonElement Body)> EntryAsync(string tenant, string record, string action)
    {
        var page = (await server.SendAsync(tenant, "GET", $"audit?record={record}&action={action}")).Is(200).Json.GetProperty("data");
        Assert.Equal(1, page.GetArrayLength());
        return (page[0].GetProperty("id").GetGuid(), page[0]);
    }

    private new async Task WriteAsync(string tenant, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await CreatedAsync(tenant, "places", """{"name":"Maple"}""");
        }

        await SealedAsync(tenant);
    }

    /// <summary>By field, each compared with the entry's digests.</summary>
    private async Task<Dictionary<string, (string Before, string After, string Text)>> ValuesAsync(string tenant, string record, string action)
    {
        var (entry, body) = await EntryAsync(tenant, record, action);
        var digests = body.GetProperty("values").EnumerateArray().Select(d => d.GetString()).ToHashSet();
        var shown = (await server.SendAsync(tenant, "GET", $"audit/{entry}/values")).Is(200).Json;
        Assert.Equal(record, shown.GetProperty("record").GetString());
        Assert.False(shown.GetProperty("erased").GetBoolean());
        var values = new Dictionary<string, (string, string, string)>();
        foreach (var value in shown.GetProperty("values").EnumerateArray())
        {
            Assert.Contains(value.GetProperty("digest").GetString(), digests);
            var array = JsonDocument.Parse(Base64Url.DecodeFromChars(value.GetProperty("disclosure").GetString())).RootElement;
            Assert.Equal(value.GetProperty("field").GetString(), array[1].GetString());
            Assert.Equal(value.GetProperty("before").GetRawText(), array[2].GetRawText());
            values.Add(
                array[1].GetString()!,
                (array[2].GetRawText(), array[3].GetRawText(), value.GetProperty("disclosure").GetString()!));
        }

        Assert.Equal(digests.Count, values.Count);
        return values;
    }
}
