using System.Security.Cryptography;
using System.Text;
using Bulkhead.Host.Witnessing;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What leaves the platform is judged by bulkhead-verify alone, which shares nothing with it; and whatever was done to the log is named.</summary>
public sealed class ExportTests(SealingServer server) : LogChecks(server), IClassFixture<SealingServer>
{
    public static TheoryData<string> Tenants => ["a", "b", "c"];

    [Theory, MemberData(nameof(Tenants))]
    public async Task An_export_verifies_and_so_does_a_part_of_it_and_a_single_entry(string tenant)
    {
        await WriteAsync(tenant, 300);
        var all = await ExportAsync(tenant, "");
        Assert.Equal(0, (await VerifyAsync(tenant, all)).Code);
        Assert.Contains("\"action\":\"data.create\"", all.Replace("\\\"", "\"", StringComparison.Ordinal), StringComparison.Ordinal);

        var part = await VerifyAsync(tenant, await ExportAsync(tenant, "?from=100&to=290"));
        Assert.True(part.Code == 0, part.Output);
        await using var owner = await OwnerAsync(tenant);
        var entry = await ScalarAsync<Guid>(owner, $"select entry_id from {Core(tenant)}.audit_leaf where tenant_id = '{Id(tenant)}' and position = 150");
        Assert.Equal(0, (await VerifyAsync(tenant, await ExportAsync(tenant, $"?entry={entry}"))).Code);
        Assert.Equal(0, (await VerifyAsync(tenant, await ExportAsync(tenant, "?at.gte=2026-01-01"))).Code);

        // Another tenant's key says nothing of it.
        var other = tenant == "a" ? "b" : "a";
        Assert.NotEqual(0, (await VerifyAsync(other, all)).Code);
    }

    [Theory, MemberData(nameof(Tenants))]
    public async Task What_the_databases_owner_does_to_entries_is_found_and_named(string tenant)
    {
        await WriteAsync(tenant, 30);
        await using var owner = await OwnerAsync(tenant);
        var (core, id) = (Core(tenant), Id(tenant));
        var size = await ScalarAsync<long>(owner, $"select size from {core}.audit_tree where tenant_id = '{id}'");
        var (one, two) = (size - 8, size - 5);
        string Entry(long position) => $"(select entry_id from {core}.audit_leaf where tenant_id = '{id}' and position = {position})";

        await CheckAsync(
            $"update {core}.audit_entry set body = replace(body, '\"result\":\"ok\"', '\"result\":\"no\"') where tenant_id = '{id}' and id = {Entry(one)}",
            $"update {core}.audit_entry set body = replace(body, '\"result\":\"no\"', '\"result\":\"ok\"') where tenant_id = '{id}' and id = {Entry(one)}",
            $"entry {one}");
        await CheckAsync(
            $"create table {core}.kept as select * from {core}.audit_entry where tenant_id = '{id}' and id = {Entry(two)}",
            "select 1",
            null);
        await CheckAsync(
            $"delete from {core}.audit_entry where tenant_id = '{id}' and id = {Entry(two)}",
            $"insert into {core}.audit_entry select * from {core}.kept",
            $"entry {two}");
        await CheckAsync(
            $"update {core}.audit_leaf l set entry_id = o.entry_id from {core}.audit_leaf o where l.tenant_id = '{id}' and o.tenant_id = '{id}' "
            + $"and l.position in ({one}, {two}) and o.position in ({one}, {two}) and l.position <> o.position",
            $"update {core}.audit_leaf l set entry_id = o.entry_id from {core}.audit_leaf o where l.tenant_id = '{id}' and o.tenant_id = '{id}' "
            + $"and l.position in ({one}, {two}) and o.position in ({one}, {two}) and l.position <> o.position",
            $"entry {one}");

        async Task CheckAsync(string change, string back, string? named)
        {
            // Two rows that change places meet the unique constraint on the way.
            await RunAsync(owner, $"alter table {core}.audit_leaf drop constraint if exists audit_leaf_tenant_id_entry_id_key");
            await RunAsync(owner, change);
            var verdict = await VerifyAsync(tenant, await ExportAsync(tenant, ""));
            Assert.True((verdict.Code == 0) == named is null, verdict.Output);
            Assert.Contains(named ?? "", verdict.Output, StringComparison.Ordinal);
            await RunAsync(owner, back);
            Assert.Equal(0, (await VerifyAsync(tenant, await ExportAsync(tenant, ""))).Code);
        }
    }

    [Fact]
    public async Task A_history_that_the_platform_itself_rewrites_and_signs_anew_is_a_split_view_for_who_has_an_older_checkpoint()
    {
        await WriteAsync("b", 12);
        var honest = await ExportAsync("b", "");
        await using var owner = await OwnerAsync("b");
        var (core, id) = (Core("b"), Id("b"));
        // All of it, with the log's own key: entry, tiles, frontier, checkpoint.
        var bodies = new List<string>();
        await EachAsync(
            owner,
            $"select e.body from {core}.audit_leaf l join {core}.audit_entry e on e.id = l.entry_id and e.tenant_id = l.tenant_id where l.tenant_id = '{id}' order by l.position",
            row => bodies.Add(row.GetString(0)));
        bodies[3] = bodies[3].Replace("operator", "nobody00", StringComparison.Ordinal).Replace("b-admin", "c-admin", StringComparison.Ordinal);
        // An export is an entry itself, behind it.
        bodies = bodies[..(int)Checkpoint.Parse(SignedNote.Parse(NoteOf(honest))!.Text)!.Size];
        var leaves = bodies.ConvertAll(body => MerkleTree.LeafHash(SHA256.HashData(Encoding.UTF8.GetBytes(body))));
        var frontier = new MerkleFrontier();
        leaves.ForEach(frontier.Append);
        var forged = Keys.Sign(
            server.Tenants["b"].Id,
            new Checkpoint(LogKeys.OriginOf(server.Tenants["b"].Id), frontier.Size, frontier.Root(), DateTimeOffset.UtcNow).ToString()).ToString();
        var files = Directory.CreateTempSubdirectory("bh-split-");
        try
        {
            var (mine, theirs) = (Path.Combine(files.FullName, "mine"), Path.Combine(files.FullName, "theirs"));
            await File.WriteAllTextAsync(mine, NoteOf(honest));
            await File.WriteAllTextAsync(theirs, forged);
            var (code, output) = await RunVerifierAsync($"split {mine} {theirs} --log {Keys.Find(server.Tenants["b"].Id)}");
            Assert.Equal(1, code);
            Assert.Contains("split view", output, StringComparison.Ordinal);
        }
        finally
        {
            files.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Two_witnesses_sign_the_heads_of_all_and_a_policy_of_both_holds_and_of_three_does_not()
    {
        var folder = Directory.CreateTempSubdirectory("bh-witness-");
        try
        {
            var policy = new StringBuilder();
            var witnesses = new List<WitnessState>();
            foreach (var name in new[] { "one", "two" })
            {
                var witness = new WitnessState(Path.Combine(folder.FullName, name), name, [Keys.Find(null)!], TimeProvider.System);
                witnesses.Add(witness);
                policy.Append(PolicyLines(name, witness));
            }

            using var stranger = new WitnessState(Path.Combine(folder.FullName, "three"), "three", [Keys.Find(null)!], TimeProvider.System);
            policy.Append(PolicyLines("three", stranger));
            var witnessing = server.Services.GetRequiredService<HeadWitnessing>();
            var op = new Actor(ActorKind.Operator, "op", []);
            foreach (var witness in witnesses)
            {
                await witnessing.PutAsync(
                    op, "r", witness.Keys[0].Name, witness.Keys[0], witness.Keys.ElementAtOrDefault(1), new Uri("https://witness.invalid/"), default);
            }

            for (var round = 0; round < 3; round++)
            {
                await WriteAsync("c", 3);
                foreach (var known in await witnessing.ListAsync(default))
                {
                    var witness = witnesses.Single(w => w.Keys[0].Name == known.Name);
                    var request = (await witnessing.NextAsync(known, known.Known, default))!;
                    var body = $"old {request.OldSize}\n{string.Concat(request.Proof.Select(h => Convert.ToBase64String(h) + "\n"))}\n{request.Note}";
                    var answer = await witness.AddAsync(body, default);
                    Assert.True(answer.Status == 200, answer.Text);
                    Assert.True(await witnessing.KeepAsync(known, request, answer.Text, default));
                    Assert.False(await witnessing.KeepAsync(known, request with { Note = NoteOf(await ExportAsync("c", "")) }, answer.Text, default));
                }
            }

            // The two may have signed different sizes while the log grew: one more round over what is there.
            var file = Path.Combine(folder.FullName, "policy");
            await File.WriteAllTextAsync(file, policy + "threshold 1\n");
            var verdict = await VerifyAsync("c", await ExportAsync("c", ""), $"--heads {Keys.Find(null)} --witnesses {file}");
            Assert.True(verdict.Code == 0, verdict.Output);
            await File.WriteAllTextAsync(file, policy + "threshold 3\n");
            Assert.Equal(1, (await VerifyAsync("c", await ExportAsync("c", ""), $"--heads {Keys.Find(null)} --witnesses {file}")).Code);
            witnesses.ForEach(w => w.Dispose());
            foreach (var known in await witnessing.ListAsync(default))
            {
                await witnessing.RemoveAsync(op, "r", known.Name, default);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task What_is_no_export_is_refused()
    {
        foreach (var query in new[] { "from=-1", "from=5&to=5", "entry=x", "from=1&at.gte=2026-01-01", "other=1", "at.lt=soon" })
        {
            Assert.Equal(400, (await server.SendAsync("a", "GET", $"audit/export?{query}")).Status);
        }

        Assert.Equal(404, (await server.SendAsync("a", "GET", $"audit/export?entry={Guid.NewGuid()}")).Status);
    }

    private static string PolicyLines(string name, WitnessState witness) =>
        string.Concat(witness.Keys.Select(key => $"witness {name} {key}\n"));

    private static string NoteOf(string export) =>
        global::System.Text.Json.JsonDocument.Parse(export.Split('\n').First(line => line.StartsWith("{\"type\":\"checkpoint\"", StringComparison.Ordinal)))
            .RootElement.GetProperty("note").GetString()!;
}
