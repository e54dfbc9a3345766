using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Data;

namespace Bulkhead.Tests.System.Audit;

/// <summary>The entry of a chunk commits to the sum of the amounts that it created, and of no others.</summary>
public sealed class ImportedAmountTests(TotalTests.CommittingServer server) : LogChecks(server), IClassFixture<TotalTests.CommittingServer>
{
    [Theory]
    [InlineData("a")]
    [InlineData("b")]
    [InlineData("c")]
    public async Task A_total_counts_what_was_imported_once(string tenant)
    {
        var ids = Enumerable.Range(0, 6).Select(_ => Guid.CreateVersion7()).ToList();
        Assert.Equal((2, 0, 0), await ImportAsync(tenant, Line(ids[0], 100), Line(ids[1], 20)));
        // One is there, one leads nowhere, one is no bill, one says its id twice.
        Assert.Equal((1, 1, 3), await ImportAsync(
            tenant, Line(ids[1], 777), Line(ids[2], 3), Line(ids[3], 5000, Guid.NewGuid()), "{}", Line(ids[2], 900)));
        Assert.Equal((0, 2, 0), await ImportAsync(tenant, Line(ids[0], 1), Line(ids[2], 1)));
        Assert.Equal((0, 0, 1), await ImportAsync(tenant, Line(ids[4], -1)));
        (await server.SendAsync(tenant, "POST", "bills", """{"cents":4000,"price":4.5}""")).Is(201);
        await SealedAsync(tenant);
        await ProvenAsync(tenant, "bill.cents", "4123");
        await ProvenAsync(tenant, "bill.price", "4623");
        var imports = (await server.EntriesAsync(tenant)).FindAll(e => e.Contains("\"action\":\"data.import\"", StringComparison.Ordinal));
        Assert.Equal(["\"count\":2,", "\"count\":1,", "\"count\":0,"], imports.Select(e => e[e.IndexOf("\"count\":", StringComparison.Ordinal)..][..10]));
    }

    [Fact]
    public async Task What_comes_several_times_at_once_counts_once()
    {
        await using var own = new Home();
        await own.Server.InitializeAsync();
        var created = 0;
        for (var round = 0; round < 6; round++)
        {
            var lines = Enumerable.Range(0, 40).Select(_ => Line(Guid.CreateVersion7(), 7)).ToArray();
            var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(caller => Task.Run(() => own.ImportAsync([.. lines.Skip(caller * 5).Take(20)]))));
            created += answers.Sum(answer => answer.Created);
        }

        // Who met another was refused and says so; nothing is counted that was not created, nor created and not counted.
        var rows = (await own.Server.SendAsync("b", "GET", "counts")).Is(200).Json.GetProperty("data").GetProperty("bills").GetInt32();
        Assert.Equal(created, rows);
        Assert.True(created >= 6 * 20, $"{created} created");
        Assert.Equal($"{rows * 7}", await own.TotalAsync());
    }

    [Fact]
    public async Task Work_whose_numbers_are_of_another_number_of_records_is_refused_whole()
    {
        var before = (await server.EntriesAsync("a")).Count;
        foreach (var (exact, isTaken) in new[] { (1, false), (3, false), (0, false), (2, true) })
        {
            var audit = new AuditEvent("data.import")
            {
                Records = AuditRecords.CountAndDigest, Numbers = [CommittedNumber.Of("bill.cents", 5)], ExactRecords = exact,
            };
            var result = await server.Database.RunAsync(
                new RequestContext(server.Tenants["a"].Id, new Actor(ActorKind.Service, "test", ["admin"]), "r", "shop@1"),
                new TenantWork().Attempt(Sql.Of($"""
                    insert into {Place.App}.{SqlName.Of("city")} (tenant_id, id, version, created_at, updated_at, name)
                    select {Place.Tenant}, gen_random_uuid(), gen_random_uuid(), now(), now(), n::text from generate_series(71, 72) n returning id
                    """), audit),
                default);
            Assert.Equal(isTaken ? null : ViolationKind.Required, result.Violation?.Kind);
            Assert.Equal(isTaken ? before + 1 : before, (await server.EntriesAsync("a")).Count);
        }
    }

    private static string Line(Guid id, long cents, Guid? city = null) => JsonSerializer.Serialize(
        city is null ? new { id, cents, price = cents / 1000m } : (object)new { id, cents, price = cents / 1000m, city });

    private async Task ProvenAsync(string tenant, string attribute, string number)
    {
        var bundle = (await server.SendAsync(tenant, "GET", $"audit/total?attribute={attribute}")).Is(200).Text;
        var verdict = await VerifyAsync(tenant, bundle, $"--total {attribute}");
        Assert.True(verdict.Code == 0, verdict.Output);
        Assert.Contains($"is {number}", verdict.Output, StringComparison.Ordinal);
    }

    private Task<(int Created, int Existing, int Rejected)> ImportAsync(string tenant, params string[] lines) => ImportAsync(server, tenant, lines);

    private static async Task<(int Created, int Existing, int Rejected)> ImportAsync(DataServer server, string tenant, params string[] lines)
    {
        var answer = (await server.SendAsync(tenant, "POST", "bills/import", string.Join('\n', lines), type: "application/x-ndjson")).Is(200).Json;
        return (answer.GetProperty("created").GetInt32(), answer.GetProperty("existing").GetInt32(), answer.GetProperty("rejected").GetArrayLength());
    }

    private sealed class Home : IAsyncDisposable
    {
        public TotalTests.CommittingServer Server { get; } = new();

        public Task<(int Created, int Existing, int Rejected)> ImportAsync(string[] lines) => ImportedAmountTests.ImportAsync(Server, "b", lines);

        public async Task<string> TotalAsync()
        {
            for (var i = 0; ; i++)
            {
                var answer = await Server.SendAsync("b", "GET", "audit/total?attribute=bill.cents");
                var size = (await Server.EntriesAsync("b")).Count;
                if (answer.Status == 200 && i > 3)
                {
                    var line = answer.Text.Split('\n').Single(l => l.StartsWith("{\"type\":\"total\"", StringComparison.Ordinal));
                    return JsonDocument.Parse(line).RootElement.GetProperty("number").GetString()!;
                }

                Assert.True(i < 50, $"never sealed: {size} entries, {answer.Text}");
                await Task.Delay(200);
            }
        }

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }
}
