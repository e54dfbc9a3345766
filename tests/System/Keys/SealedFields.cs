using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Sealed fields behave as fields: whatever their type, by every way that writes or reads them.</summary>
[Collection(OneVault.Name)]
public sealed class SealedFields(VaultServer server)
{
    // The same values come back from a create, a get, a list, an expansion and an import.
    public static TheoryData<string, string> Values => new()
    {
        { "born", "\"0001-01-01\"" },
        { "born", "\"9999-12-31\"" },
        { "born", "\"2024-02-29\"" },
        { "seen", "\"0001-01-01T00:00:00Z\"" },
        { "seen", "\"9999-12-31T23:59:59.999999Z\"" },
        { "seen", "\"1969-12-31T23:59:59.000001Z\"" },
        { "weight", "0" },
        { "weight", "-0.000000000000000000000000001" },
        { "weight", "9999999999999999999999999999" },
        { "weight", "-792281625142643375935439503.5" },
        { "weight", "1.5" },
        { "steps", "9223372036854775807" },
        { "steps", "-9223372036854775808" },
        { "steps", "0" },
        { "badge", "-1" },
        { "alive", "true" },
        { "alive", "false" },
        { "blood", "\"AB\"" },
        { "device", "\"00000000-0000-0000-0000-000000000000\"" },
        { "device", "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"" },
        { "chart", "{\"a\":[1,{\"b\":null}],\"z\":\"\\u0001\"}" },
        { "chart", "[]" },
        { "chart", "\"text\"" },
        { "chart", "12.5" },
        { "chart", "false" },
        { "history", "\"\"" },
        { "history", "\" \"" },
        { "history", "\"\\u0001\\t\\\\ \\\" \\uD83D\\uDE80 \\u202E\\uFFFD\"" },
        { "nick", "\"null\"" },
        { "card", "\"\\u00E4\\u00F6\\u00FC\"" },
    };

    [Theory, MemberData(nameof(Values))]
    public async Task Every_way_gives_back_what_was_written(string field, string value)
    {
        var expected = JsonDocument.Parse(value).RootElement;
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            var slug = VaultServer.A(kind);
            var made = (await server.CallAsync("POST", slug, "people", $$"""{"{{field}}": {{value}}}""")).Is(HttpStatusCode.Created);
            Same(expected, made.Json.GetProperty(field));
            var id = made.Json.GetProperty("id").GetGuid();
            Same(expected, (await server.CallAsync("GET", slug, $"people/{id}")).Is(HttpStatusCode.OK).Json.GetProperty(field));
            Same(expected, (await server.CallAsync("GET", slug, $"people/{id}?fields={field}")).Is(HttpStatusCode.OK).Json
                .GetProperty(field));
            Same(expected, (await server.CallAsync("GET", slug, $"people?id={id}")).Is(HttpStatusCode.OK).Json.GetProperty("data")[0]
                .GetProperty(field));

            var under = await server.CreateAsync(slug, new { boss = id });
            Same(expected, (await server.CallAsync("GET", slug, $"people/{under}?expand=boss")).Is(HttpStatusCode.OK).Json
                .GetProperty("boss").GetProperty(field));

            // What was set is no change; null is.
            var before = (await server.CallAsync("GET", slug, $"people/{id}")).ETag;
            Assert.Equal(before, (await server.PatchAsync(slug, id, $$"""{"{{field}}": {{value}}}""")).Is(HttpStatusCode.OK).ETag);
            var nulled = (await server.PatchAsync(slug, id, $$"""{"{{field}}": null}""")).Is(HttpStatusCode.OK);
            Assert.NotEqual(before, nulled.ETag);
            Assert.Equal(JsonValueKind.Null, nulled.Json.GetProperty(field).ValueKind);
            Assert.Equal(
                JsonValueKind.Null, (await server.CallAsync("GET", slug, $"people/{id}")).Json.GetProperty(field).ValueKind);

            var imported = Guid.CreateVersion7();
            var line = $$"""{"id": "{{imported}}", "{{field}}": {{value}}}""";
            for (var time = 0; time < 2; time++)
            {
                var answer = (await server.CallAsync("POST", slug, "people/import", line, type: "application/x-ndjson"))
                    .Is(HttpStatusCode.OK);
                Assert.Equal(1, answer.Json.GetProperty(time == 0 ? "created" : "existing").GetInt32());
            }

            Same(expected, (await server.CallAsync("GET", slug, $"people/{imported}")).Is(HttpStatusCode.OK).Json.GetProperty(field));
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_change_of_some_fields_leaves_the_others_sealed_and_clear_as_they_are(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new
        {
            name = "n", nick = "k", ssn = $"patch {kind}", card = "c", born = "2000-01-01", history = "h", steps = 5, badge = 77L,
        });
        var personal = await EnvelopesAsync(slug, id);
        var changed = (await server.PatchAsync(slug, id, new { name = "n2", history = "h2", steps = (int?)null }))
            .Is(HttpStatusCode.OK).Json;
        Assert.Equal(changed.ToString(), (await server.CallAsync("GET", slug, $"people/{id}")).Json.ToString());
        foreach (var (field, value) in new (string, object?)[]
        {
            ("name", "n2"), ("nick", "k"), ("ssn", $"patch {kind}"), ("card", "c"), ("born", "2000-01-01"), ("history", "h2"),
            ("steps", null), ("badge", 77L),
        })
        {
            Same(JsonSerializer.SerializeToElement(value), changed.GetProperty(field));
        }

        // The envelopes of other classes are not touched; that of the class is sealed anew as a whole.
        var after = await EnvelopesAsync(slug, id);
        Assert.Equal(personal["secret"], after["secret"]);
        Assert.Equal(personal["cardholder"], after["cardholder"]);
        Assert.Equal(personal["personal"], after["personal"]);
        Assert.NotEqual(personal["health"], after["health"]);

        (await server.PatchAsync(slug, id, new { name = "n3" })).Is(HttpStatusCode.OK);
        Assert.Equal(after["health"], (await EnvelopesAsync(slug, id))["health"]);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_row_without_any_sealed_value_looks_like_one_with_some(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var empty = await EnvelopesAsync(slug, await server.CreateAsync(slug, new { name = "x" }));
        var full = await EnvelopesAsync(
            slug, await server.CreateAsync(slug, new { alive = true, card = "4111", ssn = $"l{kind}", nick = "n" }));
        Assert.Equal(["cardholder", "health", "personal", "secret"], empty.Keys.Order());
        Assert.All(empty.Keys, dataClass => Assert.Equal(empty[dataClass].Length, full[dataClass].Length));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_mask_hides_a_sealed_field_as_it_hides_any(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(
            slug, new { ssn = $"078-05-11{(int)kind}", born = "1931-07-13", weight = 81.25, chart = new { a = 1 }, card = "4111" });
        var bare = await server.CreateAsync(slug, new { name = "none" });
        foreach (var shown in new[]
        {
            (await server.CallAsync("GET", slug, $"people/{id}", role: "viewer")).Is(HttpStatusCode.OK).Json,
            (await server.CallAsync("GET", slug, $"people?id={id}", role: "viewer")).Is(HttpStatusCode.OK).Json.GetProperty("data")[0],
        })
        {
            Assert.Equal($"********1{(int)kind}", shown.GetProperty("ssn").GetString());
            Assert.Equal("1931", shown.GetProperty("born").GetString());
            Assert.Equal("***", shown.GetProperty("weight").GetString());
            Assert.Equal("***", shown.GetProperty("chart").GetString());
            Assert.Equal("4111", shown.GetProperty("card").GetString());
        }

        var none = (await server.CallAsync("GET", slug, $"people/{bare}", role: "viewer")).Is(HttpStatusCode.OK).Json;
        Assert.All(
            ["ssn", "born", "weight", "chart", "card"], field => Assert.Equal(JsonValueKind.Null, none.GetProperty(field).ValueKind));

        // A masked field is not searched: neither by its value nor by its index.
        foreach (var query in new[] { $"ssn=078-05-11{(int)kind}", "ssn.null=true", "sort=ssn" })
        {
            var refused = (await server.CallAsync("GET", slug, $"people?{query}", role: "viewer")).Is(HttpStatusCode.BadRequest);
            Assert.DoesNotContain("sealed", refused.Text, StringComparison.Ordinal);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_unique_sealed_value_is_refused_to_its_tenant_only(IsolationKind kind)
    {
        var (a, b) = (VaultServer.A(kind), VaultServer.B(kind));
        var value = $"unique of {kind}";
        var first = await server.CreateAsync(a, new { ssn = value });
        var second = await server.CreateAsync(a, new { ssn = value + " 2" });
        await server.CreateAsync(b, new { ssn = value });
        foreach (var refused in new[]
        {
            await server.CallAsync("POST", a, "people", new { ssn = value }),
            await server.PatchAsync(a, second, new { ssn = value }),
        })
        {
            Assert.Equal("unique-violation", refused.Is(HttpStatusCode.Conflict).Code);
            Assert.Equal("/ssn", refused.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
            Assert.DoesNotContain(value, refused.Text, StringComparison.Ordinal);
        }

        var lines = $$"""
            {"id": "{{Guid.CreateVersion7()}}", "ssn": "{{value}}"}
            {"id": "{{Guid.CreateVersion7()}}", "ssn": "{{value}} 3"}
            {"id": "{{Guid.CreateVersion7()}}", "ssn": "{{value}} 3"}
            """;
        var imported = (await server.CallAsync("POST", a, "people/import", lines, type: "application/x-ndjson")).Is(HttpStatusCode.OK).Json;
        Assert.Equal(1, imported.GetProperty("created").GetInt32());
        Assert.All(
            imported.GetProperty("rejected").EnumerateArray(), r => Assert.Equal("unique-violation", r.GetProperty("code").GetString()));
        Assert.Equal(2, imported.GetProperty("rejected").GetArrayLength());

        // None is not equal to none; and what was given up is free again.
        await server.CreateAsync(a, new { name = "without" });
        await server.CreateAsync(a, new { name = "without" });
        (await server.PatchAsync(a, first, new { ssn = (string?)null })).Is(HttpStatusCode.OK);
        (await server.PatchAsync(a, second, new { ssn = value })).Is(HttpStatusCode.OK);
    }

    private static void Same(JsonElement expected, JsonElement actual) =>
        Assert.True(JsonElement.DeepEquals(expected, actual), $"{expected.GetRawText()} became {actual.GetRawText()}");

    private async Task<Dictionary<string, byte[]>> EnvelopesAsync(string slug, Guid id)
    {
        await using var owner = await server.AsOwnerOfAsync(slug);
        var envelopes = new Dictionary<string, byte[]>();
        foreach (var dataClass in new[] { "health", "secret", "cardholder", "personal" })
        {
            envelopes.Add(dataClass, (await owner.ScalarAsync<byte[]>(
                $"select {VaultServer.Envelope(dataClass)} from {server.Table(slug, "person")} where id = $1", default, id))!);
        }

        return envelopes;
    }
}
