using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Audit;

/// <summary>Totals of committed numbers: proven to bulkhead-verify, without showing an entry, and never when they are not so.</summary>
public sealed class TotalTests(TotalTests.CommittingServer server) : LogChecks(server), IClassFixture<TotalTests.CommittingServer>
{
    private const string BillApp = """
        app: shop
        version: 1
        title: Shop
        audit:
          readsOf: [health, personal]
          commits: [recordsRead, bytesExported, bill.cents, bill.price]
        entities:
          city:
            plural: cities
            subject: none
            fields:
              name: { type: text, required: true, maxLength: 50, class: public, unique: true }
          bill:
            plural: bills
            subject: none
            fields:
              city: { type: reference, to: city, onDelete: restrict, inverse: bills }
              cents: { type: integer, required: true, min: 0, class: personal }
              price: { type: decimal, scale: 3, required: true, min: 0, class: personal }
        roles:
          admin:
            audit: read
            keys: manage
            entities:
              city: { actions: [list, read, create, update, delete], read: all, write: all }
              bill: { actions: [list, read, create, update, delete], read: all, write: all }
          viewer:
            entities:
              city: { actions: [list, read], read: all }
        """;

    public sealed class CommittingServer() : DataServer(
        BillApp, options => options with { AuditSealing = TimeSpan.FromMilliseconds(50), AuditSealingBatch = 100 });

    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task A_total_is_proven_and_nothing_of_any_entry_shows(string tenant)
    {
        var cents = await BillsAsync(tenant, 7);
        var read = 0;
        var ids = (await server.SendAsync(tenant, "GET", "bills?limit=200")).Is(200).Json.GetProperty("data");
        read += ids.GetArrayLength();
        (await server.SendAsync(tenant, "GET", $"bills/{ids[0].GetProperty("id").GetString()}")).Is(200);
        (await server.SendAsync(tenant, "GET", $"bills/{Guid.NewGuid()}")).Is(404);
        read++;
        // Two are shown, and that there is a third is found; both entries name what they found.
        var page = (await server.SendAsync(tenant, "GET", "bills?limit=2")).Is(200).Json.GetProperty("data");
        Assert.Equal(2, page.GetArrayLength());
        read += 2;
        var city = (await server.SendAsync(tenant, "GET", "cities?expand=bills&limit=5")).Is(200).Json.GetProperty("data");
        read += city.EnumerateArray().Sum(c => c.GetProperty("bills").GetProperty("data").GetArrayLength());
        await SealedAsync(tenant);

        await ProvenAsync(tenant, "attribute=bill.cents", "bill.cents", $"{cents}");
        await ProvenAsync(tenant, "attribute=bill.price", "bill.price", $"{cents * 10}");
        await ProvenAsync(tenant, "attribute=recordsRead", "recordsRead", $"{await CountAsync(tenant)}");
        Assert.InRange(await CountAsync(tenant), read, read + 2);

        var exported = (await server.SendAsync(tenant, "GET", "audit/export")).Is(200).Text;
        await SealedAsync(tenant);
        var bundle = (await server.SendAsync(tenant, "GET", "audit/total?attribute=bytesExported")).Is(200).Text;
        var total = TotalOf(bundle);
        Assert.True(long.Parse(total.GetProperty("number").GetString()!, null) >= exported.Length, total.GetRawText());
        Assert.Equal(0, (await VerifyAsync(tenant, bundle, "--total bytesExported")).Code);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task Bounds_are_proven_without_the_total_and_what_is_not_so_is_refused(string tenant)
    {
        var cents = await BillsAsync(tenant, 3);
        await SealedAsync(tenant);
        var bound = await SumAsync(tenant);
        Assert.True(bound >= cents);
        var below = (await server.SendAsync(tenant, "GET", $"audit/total?attribute=bill.cents&below={bound + 1}")).Is(200).Text;
        Assert.Equal($"{bound + 1}", TotalOf(below).GetProperty("number").GetString());
        var verdict = await VerifyAsync(tenant, below, $"--total bill.cents --below {bound + 1}");
        Assert.True(verdict.Code == 0, verdict.Output);
        Assert.Equal(1, (await VerifyAsync(tenant, below, $"--total bill.cents --below {bound}")).Code);
        Assert.Equal(1, (await VerifyAsync(tenant, below.Replace($"\"{bound + 1}\"", $"\"{bound}\"", StringComparison.Ordinal))).Code);
        Assert.Equal(0, (await VerifyAsync(tenant, (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents&each=10000000000000")).Is(200).Text)).Code);

        Assert.Equal("total-not-below", (await server.SendAsync(tenant, "GET", $"audit/total?attribute=bill.cents&below={bound}")).Is(409).Code);
        Assert.Equal("total-not-below", (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents&each=3")).Is(409).Code);
        foreach (var query in new[]
        {
            "", "attribute=cents", "attribute=bill.cents&below=0", "attribute=bill.cents&below=01", "attribute=bill.cents&below=-1",
            "attribute=bill.cents&below=18446744073709551617", "attribute=bill.cents&below=5&each=5", "attribute=bill.cents&from=1",
            "attribute=bill.cents&attribute=bill.cents", "attribute=bill.cents&at.gte=2026-02-01&at.lt=2026-01-01", "attribute=bill.cents&at.gte=soon",
        })
        {
            Assert.Equal("invalid-parameter", (await server.SendAsync(tenant, "GET", $"audit/total?{query}")).Is(400).Code);
        }

        (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents&at.gte=2099-01-01")).Is(404);
        (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents", role: "viewer")).Is(404);
    }

    [Fact]
    public async Task A_range_begins_and_ends_at_checkpoints_that_cover_the_time()
    {
        await BillsAsync("b", 2);
        await SealedAsync("b");
        var before = await SumAsync("b");
        // Checkpoints say whole seconds.
        await Task.Delay(1100);
        var begin = server.Clock.GetUtcNow();
        await Task.Delay(1100);
        var cents = await BillsAsync("b", 4);
        await SealedAsync("b");
        var bundle = (await server.SendAsync(
            "b", "GET", $"audit/total?attribute=bill.cents&at.gte={begin.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}")).Is(200).Text;
        Assert.Equal($"{cents}", TotalOf(bundle).GetProperty("number").GetString());
        Assert.True(TotalOf(bundle).GetProperty("older").GetInt64() > 0);
        var verdict = await VerifyAsync("b", bundle, "--total bill.cents");
        Assert.True(verdict.Code == 0, verdict.Output);
        Assert.Equal(before + cents, await SumAsync("b"));
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task What_the_owner_changes_is_refused_here_and_named_there(string tenant)
    {
        await BillsAsync(tenant, 3);
        await SealedAsync(tenant);
        var honest = (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents")).Is(200).Text;
        await using var owner = await OwnerAsync(tenant);
        var (core, id) = (Core(tenant), Id(tenant));
        var position = await ScalarAsync<long>(
            owner, $"select max(l.position) from {core}.audit_leaf l join {core}.audit_entry e on e.id = l.entry_id where e.tenant_id = '{id}' and e.action = 'data.create' and e.entity = 'bill'");
        var other = await ScalarAsync<string>(
            owner, $"select commitments from {core}.audit_entry where tenant_id = '{id}' and commitments like '%cents%' order by id limit 1");
        var own = await ScalarAsync<string>(
            owner, $"select e.commitments from {core}.audit_leaf l join {core}.audit_entry e on e.id = l.entry_id where l.tenant_id = '{id}' and l.position = {position}");
        var entry = $"(select entry_id from {core}.audit_leaf where tenant_id = '{id}' and position = {position})";
        foreach (var forged in new[] { other, "{\"bill.cents\":\"AAAA\"}", "{\"bill.cents\":", "" })
        {
            await RunAsync(owner, $"update {core}.audit_entry set commitments = '{forged}' where tenant_id = '{id}' and id = {entry}");
            var answer = await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents");
            if (forged.Length > 0)
            {
                Assert.Equal("commitment-damaged", answer.Is(409).Code);
                Assert.Contains($"position {position},", answer.Text, StringComparison.Ordinal);
            }
            else
            {
                // Nothing shows here that it had one; the proof is of less, and the verifier sees that the leaf is not the sealed one.
                Assert.Equal(1, (await VerifyAsync(tenant, answer.Is(200).Text)).Code);
            }

            var verdict = await VerifyAsync(tenant, await ExportAsync(tenant, ""));
            Assert.Equal(1, verdict.Code);
            Assert.Contains($"entry {position}", verdict.Output, StringComparison.Ordinal);
        }

        await RunAsync(owner, $"update {core}.audit_entry set commitments = '{own}' where tenant_id = '{id}' and id = {entry}");
        Assert.Equal(0, (await VerifyAsync(tenant, honest)).Code);

        // Without what opens it, or with what opens another.
        await RunAsync(owner, $"create table {core}.kept as select * from {core}.audit_opening where tenant_id = '{id}' and id = {entry}");
        foreach (var change in new[]
        {
            $"update {core}.audit_opening set _sealed_secret = o._sealed_secret from (select * from {core}.audit_opening where tenant_id = '{id}' order by id limit 1) o where audit_opening.id = {entry}",
            $"delete from {core}.audit_opening where tenant_id = '{id}' and id = {entry}",
        })
        {
            await RunAsync(owner, change);
            Assert.Equal("commitment-damaged", (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents")).Is(409).Code);
        }

        await RunAsync(owner, $"insert into {core}.audit_opening select * from {core}.kept");
        await RunAsync(owner, $"drop table {core}.kept");

        // One that expired is not called damaged.
        await RunAsync(owner, $"create table {core}.kept as select * from {core}.audit_entry where tenant_id = '{id}' and id = {entry}");
        await RunAsync(owner, $"""
            insert into {core}.audit_expired (tenant_id, position, digest, commitments, expired_at)
            select tenant_id, {position}, sha256(convert_to(body, 'UTF8')), commitments, now() from {core}.kept
            """);
        await RunAsync(owner, $"delete from {core}.audit_entry where tenant_id = '{id}' and id = {entry}");
        var expired = (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents")).Is(409);
        Assert.Equal("entries-expired", expired.Code);
        Assert.Contains($"position {position} ", expired.Text, StringComparison.Ordinal);
        await RunAsync(owner, $"insert into {core}.audit_entry select * from {core}.kept");
        await RunAsync(owner, $"delete from {core}.audit_expired where tenant_id = '{id}'");
        await RunAsync(owner, $"drop table {core}.kept");
        (await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents")).Is(200);
    }

    [Fact]
    public async Task Numbers_and_blindings_lie_nowhere_in_the_clear()
    {
        const long Number = 7_316_204_958_113;
        (await server.SendAsync("c", "POST", "bills", $$"""{"cents":{{Number}},"price":0}""")).Is(201);
        await SealedAsync("c");
        await using var owner = await OwnerAsync("c");
        foreach (var table in new[] { "audit_entry", "audit_opening" })
        {
            Assert.Equal(0L, await ScalarAsync<long>(
                owner,
                $"select count(*) from {Core("c")}.{table} t where t::text like '%{Number}%' or t::text like '%{Number:x16}%'"));
        }
    }

    [Fact]
    public async Task The_log_is_exported_whole_also_when_no_commitment_can_be_made_any_more()
    {
        await using var own = new CommittingHome();
        await own.Server.InitializeAsync();
        foreach (var destroy in new[] { false, true })
        {
            var context = new RequestContext(
                own.Server.Tenants["a"].Id, new Actor(ActorKind.Service, "officer", ["admin"]), "r", "shop@1");
            if (destroy)
            {
                var destruction = own.Server.Services.GetRequiredService<KeyDestruction>();
                await destruction.DestroyAsync(context, default);
                var second = new RequestContext(context.Tenant, new Actor(ActorKind.Service, "second", ["admin"]), "r", "shop@1");
                Assert.NotNull((await destruction.DestroyAsync(second, default)).Receipt);
            }
            else
            {
                (await own.Server.SendAsync("a", "POST", "keys/revoke")).Is(200);
            }

            for (var i = 0; (await own.Server.SendAsync("a", "POST", "bills", """{"cents":1,"price":0}""")).Status == 201; i++)
            {
                Assert.True(i < 100, "the keys are still there");
                await Task.Delay(50);
            }

            var export = (await own.Server.SendAsync("a", "GET", "audit/export")).Is(200).Text;
            Assert.Contains("\n{\"type\":\"end\"", export, StringComparison.Ordinal);
            Assert.Contains((await own.Server.EntriesAsync("a")), entry => entry.Contains($"\"bytes\":\"{Encoding.UTF8.GetByteCount(export)}\"", StringComparison.Ordinal));
            if (!destroy)
            {
                (await own.Server.SendAsync("a", "POST", "keys/restore")).Is(200);
                // It committed to nothing: no total leaves it out in silence.
                await UntilAsync(async () =>
                {
                    var answer = await own.Server.SendAsync("a", "GET", "audit/total?attribute=bytesExported");
                    return answer.Status == 409 && answer.Code == "entries-uncommitted";
                });
            }
        }
    }

    /// <summary>Of one test, which takes its tenant's keys away.</summary>
    private sealed class CommittingHome : IAsyncDisposable
    {
        public CommittingServer Server { get; } = new();

        public async ValueTask DisposeAsync() => await Server.DisposeAsync();
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        for (var i = 0; !await isSo(); i++)
        {
            Assert.True(i < 100, "it did not come to be so");
            await Task.Delay(50);
        }
    }

    private static JsonElement TotalOf(string bundle) =>
        JsonDocument.Parse(bundle.Split('\n').Single(line => line.StartsWith("{\"type\":\"total\"", StringComparison.Ordinal))).RootElement;

    private async Task ProvenAsync(string tenant, string query, string attribute, string number)
    {
        var bundle = (await server.SendAsync(tenant, "GET", $"audit/total?{query}")).Is(200).Text;
        Assert.Equal(number, TotalOf(bundle).GetProperty("number").GetString());
        Assert.DoesNotContain("\"body\"", bundle, StringComparison.Ordinal);
        Assert.DoesNotContain("data.create", bundle, StringComparison.Ordinal);
        var verdict = await VerifyAsync(tenant, bundle, $"--total {attribute}");
        Assert.True(verdict.Code == 0, verdict.Output);
        Assert.Contains($"is {number}", verdict.Output, StringComparison.Ordinal);
        Assert.Equal(1, (await VerifyAsync(tenant, bundle, "--total other")).Code);
    }

    /// <returns>Cents of all of them.</returns>
    private async Task<long> BillsAsync(string tenant, int count)
    {
        var sum = 0L;
        for (var i = 1; i <= count; i++)
        {
            var cents = i * 100;
            (await server.SendAsync(tenant, "POST", "bills", $$"""{"cents":{{cents}},"price":{{cents / 100}}.0}""")).Is(201);
            sum += cents;
        }

        return sum;
    }

    private async Task<long> SumAsync(string tenant) => long.Parse(
        TotalOf((await server.SendAsync(tenant, "GET", "audit/total?attribute=bill.cents")).Is(200).Text).GetProperty("number").GetString()!, null);

    private async Task<long> CountAsync(string tenant)
    {
        await using var owner = await OwnerAsync(tenant);
        return await ScalarAsync<long>(
            owner,
            $"""
            select coalesce(sum(jsonb_array_length(e.body::jsonb -> 'records' -> 'ids')), 0)::bigint from {Core(tenant)}.audit_entry e
            where e.tenant_id = '{Id(tenant)}' and e.action in ('data.read', 'data.list')
            """);
    }
}
