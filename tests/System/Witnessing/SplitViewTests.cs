using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Tests.System.Audit;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Witnessing;

/// <summary>
/// A whole installation, a witness in a process of its own, and the owner of the database, who rewrites history: the witness refuses and
/// keeps the proof, the operator sees it, and bulkhead-verify names it.
/// </summary>
public sealed class SplitViewTests(WitnessedServer server) : IClassFixture<WitnessedServer>, IDisposable
{
    private readonly string _state = Path.Combine(Path.GetTempPath(), "bh-split-" + Path.GetRandomFileName());

    private LogKeys Keys => server.Services.GetRequiredService<LogKeys>();

    public void Dispose()
    {
        if (Directory.Exists(_state))
        {
            Directory.Delete(_state, recursive: true);
        }
    }

    [Fact]
    public async Task A_history_that_was_rewritten_is_refused_kept_shown_and_named()
    {
        using var witness = await WitnessProcess.StartAsync(_state, "harbour", $"{Keys.Find(null)}");
        var body = new JsonObject { ["vkey"] = witness.Vkeys[0], ["url"] = $"{witness.Url}" };
        Assert.Equal(200, (await OperatorAsync("PUT", "witnesses/harbour", body)).Status);
        await using var owner = new NpgsqlConnection(server.Cluster.ConnectionString("bulkhead") + ";Pooling=false");
        await owner.OpenAsync();
        await GrowAsync(owner);
        await RunAsync(owner, """
            create schema kept;
            create table kept.head_tree as table control.head_tree;
            create table kept.head as table control.head;
            create table kept.head_tile as table control.head_tile;
            """);
        var size = await GrowAsync(owner);
        await UntilAsync(harbour => harbour["signed"]!.GetValue<long>() == size && harbour["refusal"] is null);
        var honest = await NoteAsync(owner);

        // The last act is made not to have been.
        await RunAsync(owner, """
            begin;
            delete from control.head; delete from control.head_tile; delete from control.head_tree;
            insert into control.head select * from kept.head;
            insert into control.head_tile select * from kept.head_tile;
            insert into control.head_tree select * from kept.head_tree;
            commit;
            """);
        var lost = await RefusalAsync("heads-lost");
        Assert.Null(lost["status"]);
        Assert.Equal((size, size - 1), (lost["known"]!.GetValue<long>(), lost["size"]!.GetValue<long>()));

        // And whoever does so makes our own memory of it go, too, and the process begin anew. The witness's is elsewhere.
        await RunAsync(owner, "delete from control.cosignature; delete from control.cosigned");
        server.Services.GetRequiredService<HeadLog>().Forget();
        Assert.Equal(size, await GrowAsync(owner));
        var forged = await NoteAsync(owner);
        var split = await RefusalAsync("split-view");
        Assert.Equal((409, size), (split["status"]!.GetValue<int>(), split["known"]!.GetValue<long>()));
        Assert.Contains("Split view", $"{split["message"]}", StringComparison.Ordinal);
        Assert.Contains("who wrote in the control database", $"{split["nextStep"]}", StringComparison.Ordinal);

        // The proof of it needs nobody's word: both notes are signed by the log.
        var (signedFile, splitFile) = (Directory.GetFiles(_state, "*.signed-*").Single(), Directory.GetFiles(_state, "*.split-*").Single());
        Assert.Equal(honest, await File.ReadAllTextAsync(signedFile));
        Assert.Equal(forged, await File.ReadAllTextAsync(splitFile));
        var (code, output) = await ExportTests.RunVerifierAsync($"split {signedFile} {splitFile} --log {Keys.Find(null)}");
        Assert.Equal(1, code);
        Assert.Contains("split view. The two notes prove it", output, StringComparison.Ordinal);

        // However it grows, it is never signed again.
        await GrowAsync(owner);
        var further = await RefusalAsync("not-continued");
        Assert.Equal((422, size, size + 1), (further["status"]!.GetValue<int>(), further["known"]!.GetValue<long>(), further["size"]!.GetValue<long>()));
        var unproven = Directory.GetFiles(_state, "*.unproven-*").Single();
        Assert.Equal(await NoteAsync(owner), await File.ReadAllTextAsync(unproven));
        Assert.Equal(1, (await ExportTests.RunVerifierAsync($"split {signedFile} {unproven} --log {Keys.Find(null)}")).Code);
        await using var none = new NpgsqlCommand("select count(*) from control.cosignature", owner);
        Assert.Equal(0L, await none.ExecuteScalarAsync());
        Assert.Equal(200, (await OperatorAsync("DELETE", "witnesses/harbour", null)).Status);
    }

    /// <summary>A log that was given its second key elsewhere is signed here, too; by that key only where OpenSSL has the algorithm.</summary>
    [Fact]
    public async Task A_log_has_two_keys_and_is_signed_by_those_that_can_sign_here()
    {
        await using var owner = new NpgsqlConnection(server.Cluster.ConnectionString("bulkhead") + ";Pooling=false");
        await owner.OpenAsync();
        var tenant = server.Tenants["b"].Id;
        if (!PostQuantumSupport.HasMLDsa)
        {
            Assert.Single(Keys.All(tenant));
            await RunAsync(
                owner,
                $"update control.log_key set post_quantum_public = decode(repeat('07', 1312), 'hex'), post_quantum_sealed = '\\x00' where tenant_id = '{tenant}'");
            for (var i = 0; Keys.All(tenant).Length < 2; i++)
            {
                Assert.True(i < 600, "the catalogue was not read again");
                await Task.Delay(50);
            }
        }

        var checkpoint = new Checkpoint(LogKeys.OriginOf(tenant), 1, new byte[32], DateTimeOffset.UtcNow);
        var signed = Keys.Sign(tenant, $"{checkpoint}");
        Assert.Equal(
            [NoteSignatureKind.Ed25519, NoteSignatureKind.CosignatureMLDsa44],
            Keys.All(tenant).Select(key => key.Kind));
        Assert.Equal(
            PostQuantumSupport.HasMLDsa ? 2 : 1, Keys.All(tenant).Count(key => signed.IsSignedBy(key, out _)));
        Assert.Equal(PostQuantumSupport.HasMLDsa ? 2 : 1, signed.Signatures.Count);
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        foreach (var statement in sql.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task<string> NoteAsync(NpgsqlConnection owner)
    {
        await using var command = new NpgsqlCommand("select note from control.head_tree", owner);
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<long> SizeAsync(NpgsqlConnection owner)
    {
        await using var command = new NpgsqlCommand("select coalesce(max(size), 0) from control.head_tree", owner);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>One act, and its head in the log of heads.</summary>
    private async Task<long> GrowAsync(NpgsqlConnection owner)
    {
        // What was before it comes first.
        for (var last = -1L; await SizeAsync(owner) is var now && now != last; last = now)
        {
            await Task.Delay(500);
        }

        var before = await SizeAsync(owner);
        (await server.SendAsync("a", "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        for (var i = 0; await SizeAsync(owner) == before; i++)
        {
            Assert.True(i < 600, "the head did not come");
            await Task.Delay(50);
        }

        var size = await SizeAsync(owner);
        Assert.Equal(before + 1, size);
        return size;
    }

    private Task<JsonNode> RefusalAsync(string kind) => UntilAsync(harbour => $"{harbour["refusal"]?["kind"]}" == kind, "refusal");

    private async Task<JsonNode> UntilAsync(Func<JsonNode, bool> holds, string? member = null)
    {
        JsonNode? harbour = null;
        for (var i = 0; i < 300; i++)
        {
            var answer = await OperatorAsync("GET", "witnesses", null);
            Assert.Equal(200, answer.Status);
            harbour = JsonNode.Parse(answer.Text)!["witnesses"]!.AsArray().Single()!;
            if (holds(harbour))
            {
                return member is null ? harbour : harbour[member]!;
            }

            await Task.Delay(300);
        }

        throw new InvalidOperationException($"It did not come to it: {harbour}");
    }

    private async Task<(int Status, string Text)> OperatorAsync(string method, string path, JsonNode? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"/operator/v1/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await server.OperatorTokenAsync());
        request.Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await server.Http.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}

/// <summary>Seals often, and has an operator.</summary>
public sealed class WitnessedServer() : DataServer(
    Manifest,
    options => options with
    {
        AuditSealing = TimeSpan.FromMilliseconds(50),
        OperatorClientId = "operator",
        OperatorSecretDigest = SHA256.HashData("operator-secret"u8),
    })
{
    private string? _token;

    public async Task<string> OperatorTokenAsync()
    {
        if (_token is null)
        {
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "client_credentials", ["client_id"] = "operator", ["client_secret"] = "operator-secret", ["scope"] = "operator",
            });
            using var answer = await Http.PostAsync("/operator/oauth/token", form);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            _token = JsonDocument.Parse(text).RootElement.GetProperty("access_token").GetString()!;
        }

        return _token;
    }
}
