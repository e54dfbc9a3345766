using System.Collections.Concurrent;
using System.Globalization;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Data;

namespace Bulkhead.Tests.System.Resealing;

/// <summary>A version that seals otherwise than the one before, on rows that exist and while they are written.</summary>
public class OnlineResealingTests
{
    private const int Rows = 120;

    [Fact]
    public async Task Sealing_is_turned_on_while_everybody_writes_and_no_write_is_lost()
    {
        await using var shop = await SealedShop.OpenAsync(Rows, batch: 20);
        using var stop = new CancellationTokenSource();
        var writers = SealedShop.Tenants.SelectMany(t => Enumerable.Range(0, 3).Select(w => new Writer(shop, t, w))).ToList();
        var writing = writers.Select(w => Task.Run(() => w.RunAsync(stop.Token))).ToList();
        await Task.Delay(500);
        var progress = new Death(int.MaxValue);
        await shop.DeployAsync(SealedShop.Second, progress);
        for (var i = 0; i < 600 && writers.Exists(w => w.Written <= 20); i++)
        {
            await Task.Delay(100);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writing);

        Assert.Contains(progress.Reports, r => r.StartsWith("Sealing person of unit 2 of 3: ", StringComparison.Ordinal));
        Assert.All(writers, w => Assert.True(w.Written > 20, $"{w.Written} writes"));
        foreach (var writer in writers)
        {
            await writer.CheckAllAsync();
        }

        foreach (var tenant in SealedShop.Tenants)
        {
            await shop.ReadAllAsync(tenant, 60, "old");
            var columns = await shop.ColumnsAsync(tenant);
            Assert.Empty(columns.Intersect(["name", "nick", "born", "seen", "income", "alive", "extra"]));
            Assert.DoesNotContain(columns, c => c == "_resealed" || c.StartsWith("_next", StringComparison.Ordinal));
            Assert.DoesNotContain("planted", await shop.LivePagesAsync(tenant), StringComparison.Ordinal);
            Assert.All(await shop.EnvelopesAsync(tenant, "health"), e => Assert.Empty(e.Keys.Intersect(["old", "note"])));
            Assert.All(await shop.EnvelopesAsync(tenant, "health"), e => Assert.Equal("plain", e["flag"]));
            var found = (await shop.Server.SendAsync(tenant, "GET", "people?other=planted-other-7")).Is(200).Json.GetProperty("data");
            Assert.Equal(SealedShop.Id(7), Assert.Single(found.EnumerateArray()).GetProperty("id").GetString());
            (await shop.Server.SendAsync(tenant, "POST", "people", "{\"name\":\"x\",\"nick\":\"planted-nick-7\"}")).Is(409);
            Assert.Contains(await shop.Server.EntriesAsync(tenant), e => e.Contains("\"data.reseal\"", StringComparison.Ordinal)
                && e.Contains("\"count\":20", StringComparison.Ordinal)
                && e.Contains("\"onBehalfOf\":{\"id\":\"op\",\"kind\":\"operator\"}", StringComparison.Ordinal));
        }

        await shop.Service<Bulkhead.Kernel.KernelStart>().CheckAsync(default);
    }

    [Fact]
    public async Task A_deployment_killed_at_any_report_goes_on_and_keeps_what_it_did()
    {
        const int rows = 45;
        await using var shop = await SealedShop.OpenAsync(rows, batch: 20);
        var done = false;
        for (var at = 2; !done; at += 2)
        {
            Assert.True(at < 60, "it does not come to an end");
            var death = new Death(at);
            try
            {
                await shop.DeployAsync(SealedShop.Second, death);
                done = true;
            }
            catch (OperationCanceledException)
            {
                await shop.Catalogue.RefreshAsync(default);
            }

            foreach (var tenant in SealedShop.Tenants)
            {
                await shop.ReadAllAsync(tenant, rows, "old");
            }

            var patch = await shop.Server.SendAsync("a", "GET", $"people/{SealedShop.Id(3)}");
            (await shop.Server.SendAsync(
                "a", "PATCH", $"people/{SealedShop.Id(3)}", "{\"note\":\"planted-note-3\",\"income\":" + at + "}", headers: ("If-Match", patch.ETag!))).Is(200);
            (await shop.Server.SendAsync("a", "PATCH", $"people/{SealedShop.Id(3)}", "{\"income\":3.05}", headers: ("If-Match",
                (await shop.Server.SendAsync("a", "GET", $"people/{SealedShop.Id(3)}")).ETag!))).Is(200);
        }

        foreach (var tenant in SealedShop.Tenants)
        {
            Assert.DoesNotContain(await shop.ColumnsAsync(tenant), c => c is "_resealed" or "name");
            Assert.DoesNotContain("planted", await shop.LivePagesAsync(tenant), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_deployment_whose_backends_die_goes_on()
    {
        await using var shop = await SealedShop.OpenAsync(30, batch: 10);
        foreach (var (database, act, table) in new[]
        {
            (shop.UnitOf("b").Database, "update", $"{shop.UnitOf("b").Name}.person"), (shop.UnitOf("c").Database, "update", "guard.unit"),
            ("bulkhead", "update", "control.tenant"), ("bulkhead", "update", "control.app_release"),
        })
        {
            await using (await Infrastructure.Sabotage.AtAsync(shop.Server.Cluster, database, act, table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => shop.DeployAsync(SealedShop.Second));
            }
        }

        await shop.DeployAsync(SealedShop.Second);
        foreach (var tenant in SealedShop.Tenants)
        {
            await shop.ReadAllAsync(tenant, 30, "old");
        }
    }

    [Theory]
    [InlineData("note: { type: text, maxLength: 100, class: health }", "note: { type: text, maxLength: 100, class: cardholder }")]
    [InlineData("title: Shop", "title: Store")]
    public async Task A_text_that_takes_the_place_of_one_that_was_killed_starts_over(string old, string now)
    {
        const int rows = 45;
        await using var shop = await SealedShop.OpenAsync(rows, batch: 10);
        await Assert.ThrowsAsync<OperationCanceledException>(() => shop.DeployAsync(SealedShop.Second, new Death(8)));
        var prepared = await Task.WhenAll(SealedShop.Tenants.Select(shop.ColumnsAsync));
        Assert.Contains(prepared, columns => columns.Contains("_next_sealed_secret"));

        await shop.DeployAsync(SealedShop.First.Replace("version: 1", "version: 2", StringComparison.Ordinal).Replace(old, now, StringComparison.Ordinal));

        foreach (var tenant in SealedShop.Tenants)
        {
            await shop.ReadAllAsync(tenant, rows);
            Assert.DoesNotContain(
                await shop.ColumnsAsync(tenant), c => c is "_resealed" or "_sealed_personal" || c.StartsWith("_next", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Duplicates_are_refused_before_any_unit_is_changed()
    {
        await using var shop = await SealedShop.OpenAsync(20, batch: 10);
        var second = await shop.Server.SendAsync("c", "GET", $"people/{SealedShop.Id(2)}");
        (await shop.Server.SendAsync(
            "c", "PATCH", $"people/{SealedShop.Id(2)}", "{\"other\":\"planted-other-1\"}", headers: ("If-Match", second.ETag!))).Is(200);
        var unique = SealedShop.Second.Replace("search: equality", "unique: true", StringComparison.Ordinal);

        var refused = await Assert.ThrowsAsync<DeploymentRefused>(() => shop.DeployAsync(unique));

        Assert.Equal("records that exist are not unique in person (other)", refused.Message);
        foreach (var tenant in SealedShop.Tenants)
        {
            Assert.Contains("name", await shop.ColumnsAsync(tenant));
            (await shop.Server.SendAsync(tenant, "GET", $"people/{SealedShop.Id(1)}")).Is(200);
        }

        second = await shop.Server.SendAsync("c", "GET", $"people/{SealedShop.Id(2)}");
        (await shop.Server.SendAsync(
            "c", "PATCH", $"people/{SealedShop.Id(2)}", "{\"other\":\"planted-other-2\"}", headers: ("If-Match", second.ETag!))).Is(200);
        await shop.DeployAsync(unique);
        await shop.ReadAllAsync("c", 20, "old");
        var taken = (await shop.Server.SendAsync("c", "POST", "people", "{\"name\":\"x\",\"other\":\"planted-other-5\"}")).Is(409);
        Assert.Equal("/other", taken.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
    }

    [Fact]
    public async Task A_tenant_that_has_withdrawn_its_keys_keeps_the_deployment_from_beginning()
    {
        await using var shop = await SealedShop.OpenAsync(20, batch: 10);
        await using var control = new Npgsql.NpgsqlConnection(shop.Server.Cluster.ConnectionString("bulkhead"));
        await control.OpenAsync();
        await control.RunAsync(
            "insert into control.key_revocation (tenant_id, actor) values ($1, 'x')", default, shop.Server.Tenants["b"].Id.Value);

        var refused = await Assert.ThrowsAsync<DeploymentRefused>(() => shop.DeployAsync(SealedShop.Second));

        Assert.Contains("withdrawn its keys", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Next step", refused.Message, StringComparison.Ordinal);
        foreach (var tenant in SealedShop.Tenants)
        {
            Assert.DoesNotContain("_resealed", await shop.ColumnsAsync(tenant));
        }

        await control.RunAsync("delete from control.key_revocation", default);
        await shop.DeployAsync(SealedShop.Second);
        await shop.ReadAllAsync("b", 20, "old");
    }

    [Fact]
    public async Task Rows_of_a_suspended_tenant_are_sealed_by_the_migration()
    {
        await using var shop = await SealedShop.OpenAsync(25, batch: 10);
        var actor = new Actor(ActorKind.Operator, "op", []);
        foreach (var tenant in SealedShop.Tenants)
        {
            await shop.Deployment.SuspendAsync(actor, "r", shop.Server.Tenants[tenant].Id, default);
        }

        await shop.DeployAsync(SealedShop.Second);
        foreach (var tenant in SealedShop.Tenants)
        {
            Assert.DoesNotContain("planted", await shop.LivePagesAsync(tenant), StringComparison.Ordinal);
            await shop.Deployment.ResumeAsync(actor, "r", shop.Server.Tenants[tenant].Id, default);
            await shop.ReadAllAsync(tenant, 25, "old");
        }

        await shop.Service<Bulkhead.Kernel.KernelStart>().CheckAsync(default);
    }

    [Fact]
    public async Task A_process_that_still_serves_the_older_version_reaches_no_row_that_was_sealed_anew()
    {
        await using var shop = await SealedShop.OpenAsync(5);
        // Only envelopes change, so that every statement of the older version still fits the table.
        await shop.DeployAsync(SealedShop.First.Replace("version: 1", "version: 2", StringComparison.Ordinal)
            .Replace("note: { type: text, maxLength: 100, class: health }", "note: { type: text, maxLength: 100, class: secret }", StringComparison.Ordinal));
        var read = Sql.Of($"select id from {Place.App}.{SqlName.Of("person")}");
        foreach (var tenant in SealedShop.Tenants)
        {
            var count = 0;
            await shop.Server.Database.RunAsync(shop.ContextOf(tenant, 2), new TenantWork().Read(read, _ => count++), default);
            Assert.Equal(5, count);
            var fault = await Assert.ThrowsAsync<TenantFault>(
                () => shop.Server.Database.RunAsync(shop.ContextOf(tenant, 1), new TenantWork().Read(read, _ => { }), default));
            Assert.Equal(TenantFaultKind.Fenced, fault.Kind);
        }
    }

    /// <summary>Changes records of its own and reads each change back; a 503 is tried again, as its answer says.</summary>
    private sealed class Writer(SealedShop shop, string tenant, int number)
    {
        private readonly ConcurrentDictionary<string, (string Name, string Note)> _expected = new();

        public int Written { get; private set; }

        public async Task RunAsync(CancellationToken stop)
        {
            for (var n = 0; !stop.IsCancellationRequested; n++)
            {
                if (n % 5 == 0)
                {
                    await CreateAsync(n);
                }
                else
                {
                    await PatchAsync(SealedShop.Id(60 + (20 * number) + (n % 20)), n);
                }
            }
        }

        public async Task CheckAllAsync()
        {
            foreach (var (id, expected) in _expected)
            {
                var read = (await shop.Server.SendAsync(tenant, "GET", $"people/{id}")).Is(200).Json;
                Assert.Equal(expected, (read.GetProperty("name").GetString()!, read.GetProperty("note").GetString()!));
            }
        }

        private async Task CreateAsync(int n)
        {
            var id = Guid.CreateVersion7().ToString();
            var (name, note) = ($"planted-{number}-{n}", $"planted-note-{number}-{n}");
            var answer = await TryAsync(() => shop.Server.SendAsync(
                tenant, "POST", "people",
                string.Create(CultureInfo.InvariantCulture, $$"""{"id":"{{id}}","name":"{{name}}","note":"{{note}}","nick":"planted-{{number}}-{{n}}"}""")));
            answer.Is(201);
            _expected[id] = (name, note);
            Written++;
        }

        private async Task PatchAsync(string id, int n)
        {
            var (name, note) = ($"planted-{n}", $"planted-note-{n}");
            var read = (await TryAsync(() => shop.Server.SendAsync(tenant, "GET", $"people/{id}"))).Is(200);
            if (_expected.TryGetValue(id, out var expected))
            {
                Assert.Equal(expected, (read.Json.GetProperty("name").GetString()!, read.Json.GetProperty("note").GetString()!));
            }

            // Nobody else changes it: its ETag holds, whatever is done to its envelopes meanwhile.
            (await TryAsync(() => shop.Server.SendAsync(
                tenant, "PATCH", $"people/{id}", $$"""{"name":"{{name}}","note":"{{note}}"}""", headers: ("If-Match", read.ETag!)))).Is(200);
            _expected[id] = (name, note);
            Written++;
        }

        private static async Task<Answer> TryAsync(Func<Task<Answer>> send)
        {
            for (var attempt = 0; ; attempt++)
            {
                var answer = await send();
                if (answer.Status != 503 || attempt == 100)
                {
                    return answer;
                }

                await Task.Delay(50);
            }
        }
    }
}
