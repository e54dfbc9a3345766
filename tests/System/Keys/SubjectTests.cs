using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Keys;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A person's key opens what is sealed about the person, wherever it lies; destroyed, it takes all of that with it and no more.</summary>
public sealed class SubjectTests(PersonServer server) : IClassFixture<PersonServer>
{
    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task Records_of_persons_are_written_read_searched_and_changed_as_any_other(string tenant)
    {
        var (person, visit, bill) = await FamilyAsync(tenant, "anna");
        Assert.Equal("anna ssn", (await GetAsync(tenant, "people", person)).GetProperty("ssn").GetString());
        Assert.Equal("anna findings", (await GetAsync(tenant, "visits", visit)).GetProperty("findings").GetString());
        Assert.Equal("anna card", (await GetAsync(tenant, "bills", bill)).GetProperty("card").GetString());
        Assert.Equal([visit], await FindAsync(tenant, "visits?findings=anna%20findings"));
        Assert.Equal([person], await FindAsync(tenant, "people?nick=anna%20nick"));

        await PatchAsync(tenant, "visits", visit, """{"findings":"anna better"}""", 200);
        Assert.Equal("anna better", (await GetAsync(tenant, "visits", visit)).GetProperty("findings").GetString());
        Assert.Equal([visit], await FindAsync(tenant, "visits?findings=anna%20better"));

        var expanded = (await server.SendAsync(tenant, "GET", $"visits/{visit}?expand=person,bills")).Is(200).Json;
        Assert.Equal("anna ssn", expanded.GetProperty("person").GetProperty("ssn").GetString());
        Assert.Equal("anna card", expanded.GetProperty("bills").GetProperty("data")[0].GetProperty("card").GetString());
        // Somebody else cannot take the number, and a reference that leads nowhere is told as ever.
        Assert.Equal("unique-violation", (await CreateAsync(tenant, "people", """{"name":"x","ssn":"anna ssn"}""", 409)).Code);
        Assert.Equal(
            "reference-not-found",
            (await CreateAsync(tenant, "visits", $$"""{"person":"{{Guid.NewGuid()}}","findings":"x"}""", 422)).Code);
        var (other, _, _) = await FamilyAsync(tenant, "abel");
        Assert.Equal("subject-fixed", (await PatchAsync(tenant, "visits", visit, $$"""{"person":"{{other}}"}""", 409)).Code);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task Erased_a_person_is_gone_from_every_record_and_nobody_else_is(string tenant)
    {
        var (person, visit, bill) = await FamilyAsync(tenant, "bert");
        var (kept, keptVisit, keptBill) = await FamilyAsync(tenant, "bella");
        var before = (await server.SendAsync(tenant, "GET", $"visits/{visit}")).ETag;

        Assert.Equal(404, (await server.SendAsync(tenant, "GET", $"keys/subjects/people/{person}")).Status);
        Assert.Equal(404, (await server.SendAsync(tenant, "POST", $"keys/subjects/people/{person}/erase", role: "viewer")).Status);
        Assert.Equal(404, (await server.SendAsync(tenant, "POST", $"keys/subjects/visits/{visit}/erase")).Status);
        Assert.Equal(404, (await server.SendAsync(tenant, "POST", $"keys/subjects/people/{Guid.NewGuid()}/erase")).Status);
        var erased = (await EraseAsync(tenant, person)).Json;
        Assert.Equal(person, erased.GetProperty("subject").GetGuid());

        var gone = await GetAsync(tenant, "people", person);
        Assert.Equal("bert", gone.GetProperty("name").GetString());
        Assert.All(["ssn", "nick", "blood"], field => Assert.Equal(JsonValueKind.Null, gone.GetProperty(field).ValueKind));
        Assert.Equal(JsonValueKind.Null, (await GetAsync(tenant, "visits", visit)).GetProperty("findings").ValueKind);
        Assert.Equal(JsonValueKind.Null, (await GetAsync(tenant, "bills", bill)).GetProperty("card").ValueKind);
        Assert.NotEqual(before, (await server.SendAsync(tenant, "GET", $"visits/{visit}")).ETag);
        Assert.Empty(await FindAsync(tenant, "people?nick=bert%20nick"));
        Assert.Empty(await FindAsync(tenant, "visits?findings=bert%20findings"));

        Assert.Equal("bella ssn", (await GetAsync(tenant, "people", kept)).GetProperty("ssn").GetString());
        Assert.Equal("bella findings", (await GetAsync(tenant, "visits", keptVisit)).GetProperty("findings").GetString());
        Assert.Equal("bella card", (await GetAsync(tenant, "bills", keptBill)).GetProperty("card").GetString());

        // Nothing new is written about the person; what is left can be deleted; the number is free.
        Assert.Equal("subject-erased", (await PatchAsync(tenant, "visits", visit, """{"findings":"again"}""", 409)).Code);
        Assert.Equal("subject-erased", (await PatchAsync(tenant, "people", person, """{"name":"again"}""", 409)).Code);
        Assert.Equal("subject-erased", (await CreateAsync(tenant, "visits", $$"""{"person":"{{person}}","findings":"x"}""", 409)).Code);
        Assert.Equal("subject-erased", (await CreateAsync(tenant, "bills", $$"""{"visit":"{{visit}}","card":"x"}""", 409)).Code);
        await CreateAsync(tenant, "people", """{"name":"y","ssn":"bert ssn"}""", 201);
        var again = (await EraseAsync(tenant, person)).Json;
        Assert.Equal(erased.GetProperty("erasedAt").GetString(), again.GetProperty("erasedAt").GetString());
        var etag = (await server.SendAsync(tenant, "GET", $"people/{person}")).ETag!;
        (await server.SendAsync(tenant, "DELETE", $"people/{person}", headers: ("If-Match", etag))).Is(204);
        Assert.Contains(await server.EntriesAsync(tenant), entry =>
            entry.Contains("\"action\":\"keys.erase\"", StringComparison.Ordinal) && entry.Contains($"{person}", StringComparison.Ordinal));
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_copy_of_the_table_from_before_opens_until_the_receipt_and_not_after(string tenant)
    {
        var (person, visit, _) = await FamilyAsync(tenant, "carl");
        var (_, otherVisit, _) = await FamilyAsync(tenant, "cora");
        await using var owner = await AsOwnerAsync(tenant);
        var core = server.Tenants[tenant].Placement.Unit.CoreSchema.Quoted;
        var app = server.Tenants[tenant].Placement.Unit.AppSchema.Quoted;
        await RunAsync(owner, $"create table {core}.copy as select * from {core}.subject_key where subject = '{person}'");
        await RunAsync(owner, $"create table {core}.rows as select * from {app}.visit where id = '{visit}'");

        await EraseAsync(tenant, person);
        // As a backup of this table would: what wrapped the key is still there, so it opens.
        await RestoreAsync();
        Assert.Equal("carl findings", (await GetAsync(tenant, "visits", visit)).GetProperty("findings").GetString());
        await EraseAsync(tenant, person);

        Assert.Equal(JsonValueKind.Null, (await ShowAsync(tenant, person)).GetProperty("receipt").ValueKind);
        var upkeep = server.Services.GetRequiredService<KeyUpkeep>();
        for (var i = 0; i < 40 && (await ShowAsync(tenant, person)).GetProperty("receipt").ValueKind == JsonValueKind.Null; i++)
        {
            await upkeep.TendAsync(default);
            await Task.Delay(500);
        }

        var receipt = (await ShowAsync(tenant, person)).GetProperty("receipt");
        using var text = JsonDocument.Parse(receipt.GetProperty("text").GetString()!);
        Assert.Equal(person, text.RootElement.GetProperty("subject").GetGuid());
        var unreadable = text.RootElement.GetProperty("unreadable");
        Assert.Equal(1, unreadable.GetProperty("visit").GetProperty("records").GetInt32());
        Assert.Equal(["blood", "nick", "ssn"], Strings(unreadable.GetProperty("person").GetProperty("fields")));
        Assert.Equal(["name"], Strings(unreadable.GetProperty("person").GetProperty("clear")));
        Assert.True(text.RootElement.GetProperty("lastBackupExpires").GetDateTimeOffset() > DateTimeOffset.UtcNow);

        await RestoreAsync();
        var refused = await server.SendAsync(tenant, "GET", $"visits/{visit}");
        Assert.True(refused.Status == 503 && refused.Code == "keys-unavailable", $"{refused.Status} {refused.Text}");
        Assert.Equal("cora findings", (await GetAsync(tenant, "visits", otherVisit)).GetProperty("findings").GetString());

        async Task RestoreAsync()
        {
            await RunAsync(
                owner,
                $"update {core}.subject_key k set wrapped = c.wrapped, erased_at = null from {core}.copy c where k.subject = c.subject");
            await RunAsync(owner, $"update {app}.visit v set _sealed_health = r._sealed_health from {core}.rows r where v.id = r.id");
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task An_import_brings_persons_and_what_is_about_them_and_nothing_about_the_erased(string tenant)
    {
        var people = Enumerable.Range(0, 50).Select(_ => Guid.CreateVersion7()).ToArray();
        var lines = people.Select((id, i) => $$"""{"id":"{{id}}","name":"p{{i}}","ssn":"{{tenant}}-import-{{i}}"}""");
        Assert.Equal(50, (await ImportAsync(tenant, "people", lines)).GetProperty("created").GetInt32());
        Assert.Equal(50, (await ImportAsync(tenant, "people", lines)).GetProperty("existing").GetInt32());
        await EraseAsync(tenant, people[7]);
        var visits = people.Select((id, i) => $$"""{"id":"{{Guid.CreateVersion7()}}","person":"{{id}}","findings":"f{{i}}"}""")
            .Append($$"""{"id":"{{Guid.CreateVersion7()}}","person":"{{Guid.NewGuid()}}","findings":"nobody"}""").ToList();
        var answer = await ImportAsync(tenant, "visits", visits);
        Assert.Equal(49, answer.GetProperty("created").GetInt32());
        Assert.Equal(
            [(8, "subject-erased"), (51, "reference-not-found")],
            answer.GetProperty("rejected").EnumerateArray().Select(r => (r.GetProperty("line").GetInt32(), r.GetProperty("code").GetString()!)));
        Assert.Equal(50, (await ImportAsync(tenant, "people", lines)).GetProperty("existing").GetInt32());
        Assert.Equal($"{tenant}-import-3", (await GetAsync(tenant, "people", people[3])).GetProperty("ssn").GetString());
        Assert.Equal(
            "f3",
            (await server.SendAsync(tenant, "GET", $"visits?person={people[3]}")).Is(200).Json.GetProperty("data")[0]
                .GetProperty("findings").GetString());
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_person_whose_record_is_deleted_takes_the_key_along_and_may_come_again(string tenant)
    {
        var id = Guid.CreateVersion7();
        var line = $$"""{"id":"{{id}}","name":"dora","nick":"{{tenant}} dora"}""";
        await ImportAsync(tenant, "people", [line]);
        var etag = (await server.SendAsync(tenant, "GET", $"people/{id}")).ETag!;
        (await server.SendAsync(tenant, "DELETE", $"people/{id}", headers: ("If-Match", etag))).Is(204);
        await using var owner = await AsOwnerAsync(tenant);
        var core = server.Tenants[tenant].Placement.Unit.CoreSchema.Quoted;
        await using var count = new NpgsqlCommand($"select count(*) from {core}.subject_key where subject = '{id}'", owner);
        Assert.Equal(0L, await count.ExecuteScalarAsync());
        Assert.Equal(1, (await ImportAsync(tenant, "people", [line])).GetProperty("created").GetInt32());
        Assert.Equal($"{tenant} dora", (await GetAsync(tenant, "people", id)).GetProperty("nick").GetString());
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task Whoever_writes_while_a_person_is_erased_is_either_erased_too_or_refused(string tenant)
    {
        for (var round = 0; round < 6; round++)
        {
            var (person, visit, _) = await FamilyAsync(tenant, $"edda{round}");
            using var stop = new CancellationTokenSource();
            var accepted = new List<Guid>();
            var writers = Enumerable.Range(0, 3).Select(async n =>
            {
                while (!stop.IsCancellationRequested)
                {
                    var made = await server.SendAsync(
                        tenant, "POST", "visits", $$"""{"person":"{{person}}","findings":"edda{{round}} {{n}}"}""");
                    if (made.Status == 201)
                    {
                        lock (accepted)
                        {
                            accepted.Add(made.Json.GetProperty("id").GetGuid());
                        }
                    }
                    else
                    {
                        Assert.Equal("subject-erased", made.Code);
                        return;
                    }
                }
            }).ToArray();
            await Task.Delay(20);
            await EraseAsync(tenant, person);
            await stop.CancelAsync();
            await Task.WhenAll(writers);
            foreach (var id in accepted.Append(visit))
            {
                Assert.Equal(JsonValueKind.Null, (await GetAsync(tenant, "visits", id)).GetProperty("findings").ValueKind);
            }
        }
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_kept_answer_of_a_request_goes_with_the_person(string tenant)
    {
        var (person, _, _) = await FamilyAsync(tenant, "fred");
        var body = $$"""{"person":"{{person}}","findings":"once"}""";
        var first = (await server.SendAsync(tenant, "POST", "visits", body, headers: ("Idempotency-Key", $"fred-{tenant}"))).Is(201);
        var second = (await server.SendAsync(tenant, "POST", "visits", body, headers: ("Idempotency-Key", $"fred-{tenant}"))).Is(201);
        Assert.True(second.Replayed);
        Assert.Equal(first.Text, second.Text);
        await EraseAsync(tenant, person);
        Assert.Equal(
            "subject-erased",
            (await server.SendAsync(tenant, "POST", "visits", body, headers: ("Idempotency-Key", $"fred-{tenant}"))).Is(409).Code);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_row_given_to_another_person_does_not_open(string tenant)
    {
        var (_, visit, _) = await FamilyAsync(tenant, "gabi");
        var (other, _, _) = await FamilyAsync(tenant, "gero");
        await using var owner = await AsOwnerAsync(tenant);
        var app = server.Tenants[tenant].Placement.Unit.AppSchema.Quoted;
        await RunAsync(owner, $"update {app}.visit set _subject = '{other}' where id = '{visit}'");
        Assert.Equal("record-damaged", (await server.SendAsync(tenant, "GET", $"visits/{visit}")).Is(500).Code);
    }

    private static List<string> Strings(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetString()!)];

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task<NpgsqlConnection> AsOwnerAsync(string tenant)
    {
        var owner = new NpgsqlConnection(
            server.Cluster.ConnectionString(server.Tenants[tenant].Placement.Unit.Database) + ";Pooling=false");
        await owner.OpenAsync();
        return owner;
    }

    private Task<Answer> EraseAsync(string tenant, Guid person) => OkAsync(tenant, "POST", $"keys/subjects/people/{person}/erase");

    private async Task<JsonElement> ShowAsync(string tenant, Guid person) =>
        (await OkAsync(tenant, "GET", $"keys/subjects/people/{person}")).Json;

    private async Task<Answer> OkAsync(string tenant, string method, string path) => (await server.SendAsync(tenant, method, path)).Is(200);

    private async Task<JsonElement> GetAsync(string tenant, string plural, Guid id) =>
        (await server.SendAsync(tenant, "GET", $"{plural}/{id}")).Is(200).Json;

    private async Task<List<Guid>> FindAsync(string tenant, string query) =>
    [
        .. (await server.SendAsync(tenant, "GET", query)).Is(200).Json.GetProperty("data").EnumerateArray()
            .Select(r => r.GetProperty("id").GetGuid()),
    ];

    private async Task<Answer> CreateAsync(string tenant, string plural, string body, int status) =>
        (await server.SendAsync(tenant, "POST", plural, body)).Is(status);

    private async Task<Answer> PatchAsync(string tenant, string plural, Guid id, string body, int status)
    {
        var etag = (await server.SendAsync(tenant, "GET", $"{plural}/{id}")).Is(200).ETag!;
        return (await server.SendAsync(tenant, "PATCH", $"{plural}/{id}", body, headers: ("If-Match", etag))).Is(status);
    }

    private async Task<JsonElement> ImportAsync(string tenant, string plural, IEnumerable<string> lines)
    {
        var text = new StringBuilder().AppendJoin('\n', lines).ToString();
        return (await server.SendAsync(tenant, "POST", $"{plural}/import", text, type: "application/x-ndjson")).Is(200).Json;
    }

    private async Task<(Guid Person, Guid Visit, Guid Bill)> FamilyAsync(string tenant, string name)
    {
        var person = (await CreateAsync(
            tenant, "people", $$"""{"name":"{{name}}","ssn":"{{name}} ssn","nick":"{{name}} nick","blood":"A"}""", 201))
            .Json.GetProperty("id").GetGuid();
        var visit = (await CreateAsync(
            tenant, "visits", $$"""{"person":"{{person}}","findings":"{{name}} findings"}""", 201)).Json.GetProperty("id").GetGuid();
        var bill = (await CreateAsync(
            tenant, "bills", $$"""{"visit":"{{visit}}","card":"{{name}} card","cents":100}""", 201)).Json.GetProperty("id").GetGuid();
        return (person, visit, bill);
    }
}
