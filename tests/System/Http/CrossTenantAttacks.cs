using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using static System.Net.HttpStatusCode;

namespace Bulkhead.Tests.System.Http;

/// <summary>What is one tenant's is noise at another: tokens, cursors, keys, ETags, ids.</summary>
[Collection(OneServer.Name)]
public sealed class CrossTenantAttacks(Server server)
{
    private static string Id(int n) => $"018f0000-0000-7000-8000-{n:x12}";

    private static string Patient(int id, string lastName, string ssn = "999-11-2222") =>
        $$"""{"id":"{{Id(id)}}","firstName":"Ann","lastName":"{{lastName}}","birthDate":"1980-02-29","gender":"F","ssn":"{{ssn}}"}""";

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_token_of_one_tenant_is_no_token_at_another(IsolationKind kind)
    {
        var foreign = server.Token(Server.A(kind), "admin");
        // Verified where it belongs, so that a cache could remember it.
        (await server.SendAsync(HttpMethod.Get, $"/t/{Server.A(kind)}/api/v1/patients", foreign)).Is(OK);
        foreach (var other in Enum.GetValues<IsolationKind>().Select(Server.B))
        {
            for (var i = 0; i < 3; i++)
            {
                var refused = (await server.SendAsync(HttpMethod.Get, $"/t/{other}/api/v1/patients", foreign)).Is(Unauthorized);
                Assert.StartsWith("Bearer", refused.Challenge, StringComparison.Ordinal);
            }

            (await server.SendAsync(HttpMethod.Delete, $"/t/{other}/api/v1/patients/{Id(1)}", foreign)).Is(Unauthorized);
        }

        (await server.SendAsync(HttpMethod.Get, "/operator/v1/tenants", foreign)).Is(Unauthorized);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_77_a_cursor_of_another_tenant_role_or_query_is_refused(IsolationKind kind)
    {
        var (a, b) = (Server.A(kind), Server.B(kind));
        foreach (var slug in new[] { a, b })
        {
            for (var i = 100; i < 104; i++)
            {
                (await server.CallAsync("POST", slug, "patients", "admin", Patient(i, $"Cursor-{slug}", $"c-{i}"))).Is(Created);
            }
        }

        var page = (await server.CallAsync("GET", b, "patients?limit=2&sort=lastName", "admin")).Is(OK);
        var cursor = Uri.EscapeDataString(page.Json.GetProperty("next").GetString()!);
        (await server.CallAsync("GET", b, $"patients?limit=2&sort=lastName&after={cursor}", "admin")).Is(OK);
        foreach (var (slug, query, role) in new[]
        {
            (a, "limit=2&sort=lastName", "admin"), (b, "limit=2&sort=lastName", "clinician"), (b, "limit=2&sort=firstName", "admin"),
            (b, "limit=2&sort=lastName&city=Boston", "admin"), (b, "limit=2&sort=-lastName", "admin"),
        })
        {
            var refused = (await server.CallAsync("GET", slug, $"patients?{query}&after={cursor}", role)).Is(BadRequest);
            Assert.Equal("invalid-cursor", Assert.Single(refused.Json.GetProperty("errors").EnumerateArray()).GetProperty("code").GetString());
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_50_and_77_an_idempotency_key_is_its_tenants_own(IsolationKind kind)
    {
        var (a, b) = (Server.A(kind), Server.B(kind));
        (string, string)[] key = [("Idempotency-Key", "the-same-key")];
        var first = (await server.CallAsync("POST", b, "patients", "admin", Patient(200, "Theirs", "i-1"), headers: key)).Is(Created);
        var mine = (await server.CallAsync("POST", a, "patients", "admin", Patient(200, "Mine", "i-1"), headers: key)).Is(Created);
        Assert.False(mine.Replayed);
        Assert.Equal("Mine", mine.Json.GetProperty("lastName").GetString());

        var again = (await server.CallAsync("POST", b, "patients", "admin", Patient(200, "Theirs", "i-1"), headers: key)).Is(Created);
        Assert.True(again.Replayed);
        Assert.Equal(first.Text, again.Text);
        (await server.CallAsync("POST", b, "patients", "admin", Patient(201, "Other", "i-2"), headers: key)).Is(UnprocessableEntity);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_77_and_78_the_same_record_id_and_the_others_ETag_never_cross(IsolationKind kind)
    {
        var (a, b) = (Server.A(kind), Server.B(kind));
        var theirs = (await server.CallAsync("POST", b, "patients", "admin", Patient(300, "Theirs", "e-1"))).Is(Created);
        var mine = (await server.CallAsync("POST", a, "patients", "admin", Patient(300, "Mine", "e-1"))).Is(Created);
        const string patch = "application/merge-patch+json";

        (await server.CallAsync("PATCH", a, $"patients/{Id(300)}", "admin", """{"city":"X"}""", patch)).Is((HttpStatusCode)428);
        (await server.CallAsync("PATCH", a, $"patients/{Id(300)}", "admin", """{"city":"X"}""", patch, ("If-Match", theirs.ETag!)))
            .Is(PreconditionFailed);
        (await server.CallAsync("PATCH", a, $"patients/{Id(300)}", "admin", """{"city":"X"}""", patch, ("If-Match", mine.ETag!))).Is(OK);
        (await server.CallAsync("PATCH", a, $"patients/{Id(300)}", "admin", """{"city":"Y"}""", patch, ("If-Match", mine.ETag!)))
            .Is(PreconditionFailed);

        var untouched = (await server.CallAsync("GET", b, $"patients/{Id(300)}", "admin")).Is(OK);
        Assert.Equal(theirs.Text, untouched.Text);
        Assert.Equal(theirs.ETag, untouched.ETag);
        var now = (await server.CallAsync("GET", a, $"patients/{Id(300)}", "admin")).Is(OK);
        (await server.CallAsync("DELETE", a, $"patients/{Id(300)}", "admin", headers: ("If-Match", now.ETag!))).Is(NoContent);
        (await server.CallAsync("GET", a, $"patients/{Id(300)}", "admin")).Is(NotFound);
        (await server.CallAsync("GET", b, $"patients/{Id(300)}", "admin")).Is(OK);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_20_a_record_of_another_tenant_is_as_unknown_as_any(IsolationKind kind)
    {
        var (a, b) = (Server.A(kind), Server.B(kind));
        (await server.CallAsync("POST", b, "patients", "admin", Patient(400, "Theirs", "r-1"))).Is(Created);

        var known = (await server.CallAsync("GET", a, $"patients/{Id(400)}", "admin")).Is(NotFound);
        var unknown = (await server.CallAsync("GET", a, $"patients/{Id(499)}", "admin")).Is(NotFound);
        Assert.Equal(WithoutRequest(unknown), WithoutRequest(known));
        foreach (var (method, body) in new[] { ("PATCH", """{"city":"X"}"""), ("DELETE", null) })
        {
            (string, string) match = ("If-Match", "\"018f0000-0000-7000-8000-000000000000\"");
            known = (await server.CallAsync(method, a, $"patients/{Id(400)}", "admin", body, "application/json", match)).Is(NotFound);
            unknown = (await server.CallAsync(method, a, $"patients/{Id(499)}", "admin", body, "application/json", match)).Is(NotFound);
            Assert.Equal(WithoutRequest(unknown), WithoutRequest(known));
        }

        static string WithoutRequest(Answer answer) => string.Join(',', answer.Json.EnumerateObject()
            .Where(p => p.Name is not ("requestId" or "instance")).Select(p => p.ToString()));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attacks_11_and_50_parallel_requests_of_both_never_cross(IsolationKind kind)
    {
        var slugs = new[] { Server.A(kind), Server.B(kind) };
        foreach (var slug in slugs)
        {
            (await server.CallAsync("POST", slug, "patients", "admin", Patient(500, slug, "p-1"))).Is(Created);
        }

        await Parallel.ForEachAsync(Enumerable.Range(0, 200), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var slug = slugs[i % 2];
            var answer = (await server.CallAsync("GET", slug, $"patients/{Id(500)}", "admin")).Is(OK);
            Assert.Equal(slug, answer.Json.GetProperty("lastName").GetString());
        });
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Attack_78_an_import_of_the_same_ids_stays_in_its_tenant(IsolationKind kind)
    {
        var (a, b) = (Server.A(kind), Server.B(kind));
        var lines = string.Join('\n', Enumerable.Range(600, 40).Select(i => Patient(i, "Imported", $"m-{i}")));
        var bad = lines + "\n" + """{"id":"no-id","firstName":"x"}""" + "\n" + Patient(640, "Twice", "m-600") + "\n";

        var theirs = (await server.CallAsync("POST", b, "patients/import", "admin", lines, "application/x-ndjson")).Is(OK);
        Assert.Equal((40, 40, 0), Counts(theirs));
        var mine = (await server.CallAsync("POST", a, "patients/import", "admin", bad, "application/x-ndjson", ("Import-Source", "tests"))).Is(OK);
        Assert.Equal((42, 40, 0), Counts(mine));
        Assert.Equal([41, 42], mine.Json.GetProperty("rejected").EnumerateArray().Select(r => r.GetProperty("line").GetInt32()).Order());
        var again = (await server.CallAsync("POST", a, "patients/import", "admin", lines, "application/x-ndjson")).Is(OK);
        Assert.Equal((40, 0, 40), Counts(again));
        (await server.CallAsync("POST", a, "patients/import", "billing", lines, "application/x-ndjson")).Is(NotFound);

        static (int, int, int) Counts(Answer answer) => (
            answer.Json.GetProperty("received").GetInt32(),
            answer.Json.GetProperty("created").GetInt32(),
            answer.Json.GetProperty("existing").GetInt32());
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Masks_hold_in_reads_lists_expansions_filters_and_sorts(IsolationKind kind)
    {
        var slug = Server.A(kind);
        (await server.CallAsync("POST", slug, "patients", "admin", Patient(700, "Masked", "123-45-6789"))).Is(Created);
        foreach (var path in new[] { $"patients/{Id(700)}", $"patients/{Id(700)}?fields=ssn", "patients?lastName=Masked", "patients?lastName=Masked&fields=ssn" })
        {
            var clinician = (await server.CallAsync("GET", slug, path, "clinician")).Is(OK);
            Assert.DoesNotContain("123-45-6789", clinician.Text, StringComparison.Ordinal);
            Assert.Contains("*******6789", clinician.Text, StringComparison.Ordinal);
            Assert.Contains("123-45-6789", (await server.CallAsync("GET", slug, path, "admin")).Is(OK).Text, StringComparison.Ordinal);
        }

        foreach (var query in new[] { "ssn=123-45-6789", "ssn.prefix=123", "ssn.gte=1", "ssn.null=false", "sort=ssn", "sort=-ssn" })
        {
            (await server.CallAsync("GET", slug, $"patients?{query}", "clinician")).Is(BadRequest);
        }

        // What a role does not read at all does not exist: as unknown as a word that is no field.
        foreach (var query in new[] { "healthcareExpenses.gte=0", "fields=healthcareExpenses", "sort=healthcareExpenses", "fields=nothing" })
        {
            (await server.CallAsync("GET", slug, $"patients?{query}", "clinician")).Is(BadRequest);
        }

        (await server.CallAsync("GET", slug, "claims", "clinician")).Is(NotFound);
        (await server.CallAsync("GET", slug, "patients", "auditor")).Is(NotFound);
        (await server.CallAsync("POST", slug, "patients", "billing", Patient(701, "x"))).Is(NotFound);
        (await server.CallAsync("GET", slug, "audit", "admin")).Is(NotFound);
        (await server.CallAsync("DELETE", slug, $"patients/{Id(700)}", "clinician", headers: ("If-Match", "\"x\""))).Is(NotFound);
        (await server.CallAsync("POST", slug, "patients", "clinician", Patient(702, "Written", "1"))).Is(UnprocessableEntity, BadRequest);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Every_act_has_its_entry_and_the_log_is_its_tenants_own(IsolationKind kind)
    {
        var slug = Server.B(kind);
        var id = Id(800 + (int)kind);
        var body = Patient(800 + (int)kind, "Audited", $"a-{kind}");
        var made = (await server.CallAsync("POST", slug, "patients", "admin", body, "application/json", ("Purpose", "treatment"))).Is(Created);
        (await server.CallAsync("GET", slug, $"patients/{id}", "admin")).Is(OK);
        var changed = (await server.CallAsync(
            "PATCH", slug, $"patients/{id}", "admin", """{"city":"Boston"}""", "application/merge-patch+json", ("If-Match", made.ETag!))).Is(OK);
        (await server.CallAsync("DELETE", slug, $"patients/{id}", "admin", headers: ("If-Match", changed.ETag!))).Is(NoContent);
        (await server.CallAsync("DELETE", slug, $"patients/{id}", "billing", headers: ("If-Match", changed.ETag!))).Is(NotFound);

        var log = (await server.CallAsync("GET", slug, $"audit?record={id}&limit=50", "auditor")).Is(OK);
        var entries = log.Json.GetProperty("data").EnumerateArray().ToList();
        var actions = entries.Select(e => e.GetProperty("action").GetString()).ToList();
        foreach (var action in new[] { "data.create", "data.read", "data.update", "data.delete" })
        {
            Assert.Contains(action, actions);
        }

        Assert.Contains(entries, e => e.TryGetProperty("purpose", out var purpose) && purpose.GetString() == "treatment");
        Assert.DoesNotContain("Audited", log.Text, StringComparison.Ordinal);
        var all = (await server.CallAsync("GET", slug, "audit?limit=200", "auditor")).Is(OK);
        Assert.Single(all.Json.GetProperty("data").EnumerateArray().Select(e => e.GetProperty("tenant").GetString()).Distinct());
        Assert.Contains(all.Json.GetProperty("data").EnumerateArray(), e => e.GetProperty("result").GetString() == "denied");
    }

    [Fact]
    public void The_list_of_who_may_call_what_is_the_committed_one()
    {
        var committed = File.ReadAllText(Path.Combine(Server.Root(), "docs", "endpoints.md")).Split("```")[1].Trim().Split('\n');
        Assert.Equal(committed, server.Endpoints);
        Assert.DoesNotContain(server.Endpoints, e => e.Contains("no policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_endpoint_that_asks_for_a_token_refuses_without_one_and_with_a_forged_one()
    {
        var slug = Server.A(IsolationKind.Shared);
        var forged = server.Token(slug, "admin")[..^4] + "AAAA";
        var tried = 0;
        foreach (var line in server.Endpoints.Where(e => e.EndsWith(" token", StringComparison.Ordinal)))
        {
            var (method, route, plane) = line.Split(' ') switch { [var m, var r, var p, _] => (m, r, p), _ => throw new JsonException(line) };
            var path = route.Replace("{plural}", "patients", StringComparison.Ordinal).Replace("{id}", Id(1), StringComparison.Ordinal)
                .Replace("{id:guid}", Id(1), StringComparison.Ordinal)
                .Replace("{slug}", slug, StringComparison.Ordinal).Replace("{name}", "some", StringComparison.Ordinal)
                .Replace("{level:int}", "0", StringComparison.Ordinal).Replace("{**path}", "000", StringComparison.Ordinal);
            Assert.DoesNotContain('{', path);
            var prefix = plane == "tenant" ? $"/t/{slug}" : "";
            foreach (var token in new[] { null, forged, "x", server.Token(Server.B(IsolationKind.Shared), "admin") })
            {
                (await server.SendAsync(new HttpMethod(method), prefix + path, token)).Is(Unauthorized);
                tried++;
            }

            // On the other plane it is not there at all.
            (await server.SendAsync(new HttpMethod(method), plane == "tenant" ? path : $"/t/{slug}{path}", server.Token(slug, "admin"))).Is(NotFound);
        }

        Assert.True(tried > 40);
    }

    [Fact]
    public async Task A_tenant_that_nobody_has_is_not_found_with_and_without_a_token()
    {
        foreach (var path in new[] { "/t/nobody/api/v1/patients", "/t/nobody/oauth/jwks", "/api/v1/patients" })
        {
            (await server.SendAsync(HttpMethod.Get, path, null)).Is(NotFound);
            (await server.SendAsync(HttpMethod.Get, path, server.Token(Server.A(IsolationKind.Shared), "admin"))).Is(NotFound);
        }
    }
}
