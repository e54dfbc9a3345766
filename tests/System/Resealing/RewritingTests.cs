using System.Globalization;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;
using Npgsql;

namespace Bulkhead.Tests.System.Resealing;

/// <summary>Rows come under the current keys while they are written, and stay unique while they are under several.</summary>
public class RewritingTests
{
    private static readonly AppModel Model = ManifestCompiler.Compile(SealedShop.First).Model!;

    private static RewriteTable Table => new(
        Model.ByName["person"].Table, "person", [.. Model.ByName["person"].Fields.Where(f => f.IsSealed).Select(SchemaSteps.Sealed)]);

    [Fact]
    public async Task Rows_come_under_the_current_keys_while_they_are_written_and_do_not_change_by_it()
    {
        const int rows = 60;
        await using var shop = await SealedShop.OpenAsync(rows);
        var rewriting = shop.Service<RecordRewriting>();
        foreach (var tenant in SealedShop.Tenants)
        {
            var etags = new List<string>();
            for (var i = 0; i < rows; i++)
            {
                etags.Add((await shop.Server.SendAsync(tenant, "GET", $"people/{SealedShop.Id(i)}")).ETag!);
            }

            await RotateAsync(shop, tenant, index: true);
            using var stop = new CancellationTokenSource();
            var written = "";
            var writing = Task.Run(async () =>
            {
                var etag = etags[rows - 1];
                for (var n = 0; !stop.IsCancellationRequested; n++)
                {
                    var answer = (await shop.Server.SendAsync(
                        tenant, "PATCH", $"people/{SealedShop.Id(rows - 1)}", $"{{\"note\":\"note-{n}\"}}", headers: ("If-Match", etag))).Is(200);
                    (etag, written) = (answer.ETag!, $"note-{n}");
                }
            });
            var (seen, rewritten, calls) = (0, 0, 0);
            for (Guid? after = null; calls == 0 || after is not null; calls++)
            {
                var progress = await rewriting.RunAsync(shop.ContextOf(tenant, 1), Table, after, 7, default);
                seen += progress.Seen;
                rewritten += progress.Rewritten;
                after = progress.After;
            }

            await stop.CancelAsync();
            await writing;
            Assert.Equal((rows, 9), (seen, calls));
            Assert.InRange(rewritten, rows - 1, rows);
            // The one that was being written may be left to the next walk; then nothing is.
            var next = await rewriting.RunAsync(shop.ContextOf(tenant, 1), Table, null, 500, default);
            Assert.True(next.Rewritten <= 1 && next.Left == 0, $"{next}");
            Assert.Equal(new RewriteProgress(rows, 0, 0, null), await rewriting.RunAsync(shop.ContextOf(tenant, 1), Table, null, 500, default));
            await using var inside = await shop.InsideAsync(tenant);
            Assert.Equal(["2 2 2"], await inside.ListAsync(
                $"""
                select distinct get_byte(_sealed_health, 5) || ' ' || get_byte(_sealed_secret, 5) || ' ' || get_byte(_bx_ssn, 0)
                from {shop.UnitOf(tenant).Name}.person where tenant_id = $1
                """,
                r => r.GetString(0), default, shop.Server.Tenants[tenant].Id.Value));
            await shop.ReadAllAsync(tenant, rows - 1);
            for (var i = 0; i < rows - 1; i++)
            {
                Assert.Equal(etags[i], (await shop.Server.SendAsync(tenant, "GET", $"people/{SealedShop.Id(i)}")).ETag);
            }

            var last = (await shop.Server.SendAsync(tenant, "GET", $"people/{SealedShop.Id(rows - 1)}")).Is(200);
            Assert.Equal(written, last.Json.GetProperty("note").GetString());
            Assert.Contains(await shop.Server.EntriesAsync(tenant), e => e.Contains("\"keys.rewrite\"", StringComparison.Ordinal));
            (await shop.Server.SendAsync(tenant, "POST", "people", "{\"name\":\"x\",\"ssn\":\"planted-ssn-7\"}")).Is(409);
        }
    }

    [Fact]
    public async Task A_write_between_the_reading_and_the_rewriting_of_a_row_wins()
    {
        await using var shop = await SealedShop.OpenAsync(3);
        await RotateAsync(shop, "b", index: false);
        var unit = shop.UnitOf("b").Name;
        await using var inside = await shop.InsideAsync("b");
        await using var transaction = await inside.BeginTransactionAsync();
        // Reading leaves no entry, rewriting does: so it stands still in between.
        await inside.RunAsync($"lock table {unit}_core.audit_entry in access exclusive mode", default);
        var rewriting = Task.Run(() => shop.Service<RecordRewriting>().RunAsync(shop.ContextOf("b", 1), Table, null, 500, default));
        while (await inside.ScalarAsync<long>("select count(*) from pg_locks where not granted", default) == 0)
        {
            await Task.Delay(20);
        }

        var keys = await shop.Service<KeyRing>().OpenAsync(shop.Server.Tenants["b"].Id, "person", default);
        var content = new SealedContentWriter();
        content.AddText("note"u8, ColumnType.Text, "newer");
        var newer = keys.Seal("health", Guid.Parse(SealedShop.Id(1)), content.Finish());
        await inside.RunAsync($"update {unit}.person set _sealed_health = $1 where id = $2", default, newer, Guid.Parse(SealedShop.Id(1)));
        await transaction.CommitAsync();

        var progress = await rewriting;
        Assert.Equal((3, 2, 1), (progress.Seen, progress.Rewritten, progress.Left));
        Assert.Equal("newer", (await shop.Server.SendAsync("b", "GET", $"people/{SealedShop.Id(1)}")).Is(200).Json.GetProperty("note").GetString());
    }

    // Either may be gone: the data key that sealed, or the index key besides.
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public async Task What_was_prepared_under_a_key_that_is_gone_is_prepared_anew(bool index, int gone)
    {
        await using var shop = await SealedShop.OpenAsync(30, batch: 10);
        await Assert.ThrowsAsync<OperationCanceledException>(() => shop.DeployAsync(SealedShop.Second, new Death(9)));
        foreach (var tenant in SealedShop.Tenants)
        {
            await RotateAsync(shop, tenant, index);
            await shop.Service<RecordRewriting>().RunAsync(shop.ContextOf(tenant, 1), Table, null, 500, default);
            await using var control = await ControlAsync(shop);
            Assert.Equal(gone, await TenantKeyLife.RetireAsync(control, shop.Server.Tenants[tenant].Id, 2, index ? 2 : 1, default));
        }

        await shop.Catalogue.RefreshAsync(default);
        await shop.DeployAsync(SealedShop.Second);
        foreach (var tenant in SealedShop.Tenants)
        {
            await shop.ReadAllAsync(tenant, 30, "old");
            (await shop.Server.SendAsync(tenant, "POST", "people", "{\"name\":\"x\",\"nick\":\"planted-nick-7\"}")).Is(409);
        }
    }

    [Fact]
    public async Task A_value_is_taken_whichever_index_key_it_lies_under()
    {
        await using var shop = await SealedShop.OpenAsync(10);
        foreach (var tenant in SealedShop.Tenants)
        {
            // Announced, in use, and written anew: there is no moment at which two may have it.
            await RotateAsync(shop, tenant, index: true, wait: false);
            for (var round = 0; round < 3; round++)
            {
                var made = (await shop.Server.SendAsync(
                    tenant, "POST", "people", string.Create(CultureInfo.InvariantCulture, $"{{\"name\":\"x\",\"ssn\":\"new-{round}\"}}"))).Is(201);
                var id = made.Json.GetProperty("id").GetString();
                for (var n = 0; n < round; n++)
                {
                    await TakenAsync(shop, tenant, $"new-{n}", id!, made.ETag!);
                }

                await TakenAsync(shop, tenant, "planted-ssn-4", id!, made.ETag!);
                var found = (await shop.Server.SendAsync(tenant, "GET", "people?ssn=planted-ssn-4")).Is(200).Json.GetProperty("data");
                Assert.Equal(1, found.GetArrayLength());
                await Task.Delay(700);
                if (round == 1)
                {
                    await shop.Service<RecordRewriting>().RunAsync(shop.ContextOf(tenant, 1), Table, null, 500, default);
                }
            }
        }
    }

    [Fact]
    public async Task Of_two_that_write_a_value_at_once_under_different_index_keys_one_is_refused()
    {
        await using var shop = await SealedShop.OpenAsync(1);
        var tenant = shop.Server.Tenants["c"].Id;
        var entity = Model.ByName["person"];
        var context = new RequestContext(tenant, new Actor(ActorKind.Service, "c-admin", ["admin"]), "r", "shop@1");
        var view = new EntityView(Model, entity, Permissions.For(Model, context.Actor, entity)!);
        using var data = SecretKey.Random();
        using var first = SecretKey.Random();
        using var second = SecretKey.Random();
        using var subjects = new SubjectKeys(tenant, 1, new Dictionary<int, SecretKey> { [1] = data });
        // What two processes know about the moment at which the second version comes into use.
        var older = new RecordKeys(tenant, "person", 1, [KeyValuePair.Create(1, data)], [(1, first), (2, second)], subjects);
        var newer = new RecordKeys(tenant, "person", 1, [KeyValuePair.Create(1, data)], [(2, second), (1, first)], subjects);
        for (var n = 0; n < 150; n++)
        {
            var results = await Task.WhenAll(InsertAsync(older, n), InsertAsync(newer, n));
            Assert.Single(results, r => r.Violation is null);
            Assert.Contains("ssn", Assert.Single(results, r => r.Violation is not null).Violation!.Constraint, StringComparison.Ordinal);
        }

        Task<WorkResult> InsertAsync(RecordKeys keys, int n)
        {
            var values = view.Defaults.ToArray();
            values[view.IndexOf("name")] = FieldValue.Text(FieldType.Text, "x");
            values[view.IndexOf("ssn")] = FieldValue.Text(FieldType.Text, $"race-{n}");
            var id = Guid.CreateVersion7();
            var record = new RecordValues(id, id, DateTime.UnixEpoch, DateTime.UnixEpoch, values);
            var work = new TenantWork().Change(
                view.InsertRow,
                new AuditEvent("test.create"),
                arguments: view.Stored.Of(record, keys, null, SqlValue.Uuid(id), SqlValue.Uuid(id), SqlValue.Timestamp(record.CreatedAt)));
            UpdateRecord.AddAfterwards(work, view, record, keys);
            return Task.Run(() => shop.Server.Database.RunAsync(context, work, default));
        }
    }

    private static async Task TakenAsync(SealedShop shop, string tenant, string ssn, string other, string etag)
    {
        var created = (await shop.Server.SendAsync(tenant, "POST", "people", $"{{\"name\":\"y\",\"ssn\":\"{ssn}\"}}")).Is(409);
        Assert.Equal("/ssn", created.Json.GetProperty("errors")[0].GetProperty("pointer").GetString());
        (await shop.Server.SendAsync(tenant, "PATCH", $"people/{other}", $"{{\"ssn\":\"{ssn}\"}}", headers: ("If-Match", etag))).Is(409);
        var lines = $"{{\"id\":\"{Guid.CreateVersion7()}\",\"name\":\"z\",\"ssn\":\"{ssn}\"}}\n{{\"id\":\"{Guid.CreateVersion7()}\",\"name\":\"z\"}}";
        var imported = (await shop.Server.SendAsync(tenant, "POST", "people/import", lines, type: "application/x-ndjson")).Is(200).Json;
        Assert.Equal(1, imported.GetProperty("created").GetInt32());
        Assert.Equal("unique-violation", imported.GetProperty("rejected")[0].GetProperty("code").GetString());
    }

    private static async Task RotateAsync(SealedShop shop, string tenant, bool index, bool wait = true)
    {
        await using var control = await ControlAsync(shop);
        var life = new TenantKeyLife(
            shop.Service<RootStores>(), shop.Service<HeldKeyStores>(), shop.Service<KernelOptions>(), TimeProvider.System);
        await life.RotateDataKeyAsync(control, shop.Server.Tenants[tenant].Id, default);
        if (index)
        {
            await life.RotateBesideAsync(control, shop.Server.Tenants[tenant].Id, KeyPurpose.Index, default);
        }

        await shop.Catalogue.RefreshAsync(default);
        if (wait)
        {
            await Task.Delay(700);
        }
    }

    private static async Task<NpgsqlConnection> ControlAsync(SealedShop shop)
    {
        var control = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(shop.Server.Cluster.ConnectionString("bulkhead")) { Pooling = false }.ConnectionString);
        await control.OpenAsync();
        return control;
    }
}
