using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Http;
using Bulkhead.Tests.System.Infrastructure;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A tenant that holds its keys itself: the sample service as a process, the program over HTTP.</summary>
public sealed partial class HoldingTests(HoldingServer server) : IClassFixture<HoldingServer>
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task The_keys_go_to_the_tenants_service_and_come_home_and_every_row_is_read_and_found_all_the_while(IsolationKind kind)
    {
        await using var owner = await server.OnboardAsync($"way{(int)kind}", kind);
        var before = await owner.AddPatientAsync("P-1");
        Assert.Equal(
            ["data 1 file 1", "index 1 file 1", "subject 1 file 1"],
            [.. (await owner.KeysAsync()).Select(k => Regex.Replace(k, "[0-9]+$", "1"))]);

        var registered = await owner.RegisterAsync();
        Assert.Equal(["data 2 service 1", "index 1 service 1", "subject 1 service 1"], await owner.KeysAsync());
        var shown = registered.Json.GetProperty("registration");
        Assert.Equal(owner.Service.Url, shown.GetProperty("url").GetString());
        var key = Assert.Single(shown.GetProperty("keys").EnumerateArray());
        Assert.Equal((owner.Service.KeyId, true), (key.GetProperty("id").GetString(), key.GetProperty("used").GetBoolean()));
        Assert.DoesNotContain("PRIVATE KEY", registered.Text, StringComparison.Ordinal);
        await owner.SeesAsync(before, "P-1");
        var after = await owner.AddPatientAsync("P-2");
        await owner.SeesAsync(after, "P-2");
        var lines = owner.Service.Log();
        Assert.All(lines, l => Assert.Equal(owner.Id.Value, l.GetProperty("tenant").GetGuid()));
        Assert.Equal(["data", "index", "registration-check", "subject"], lines.Select(l => l.GetProperty("purpose").GetString()).Distinct().Order());

        // Nothing that we wrapped under our own root is left.
        await using (var catalogue = await server.CatalogueAsync())
        {
            Assert.Equal(0, await catalogue.ScalarAsync<long>(
                "select count(*) from control.tenant_key where tenant_id = $1 and root is not null", default, owner.Id.Value));
        }

        // A process that knows nothing yet asks the service.
        var asked = owner.Service.Lines;
        await server.RestartAsync();
        await owner.SeesAsync(before, "P-1");
        Assert.True(owner.Service.Lines >= asked + 2, "the service was not asked for the data key and the index key");

        foreach (var what in new[] { "tenant", "data", "index" })
        {
            (await owner.CallAsync("POST", $"keys/rotate?key={what}")).Is(HttpStatusCode.OK);
            await owner.SeesAsync(before, "P-1");
        }

        Assert.Equal(["data 3 service 1", "index 1 service 1", "index 2 service 1", "subject 1 service 1"], await owner.KeysAsync());
        (await server.SendAsync("POST", "/operator/v1/keys/rotate", server.Operator)).Is(HttpStatusCode.OK);
        Assert.Equal(["data 3 service 1", "index 1 service 1", "index 2 service 1", "subject 1 service 1"], await owner.KeysAsync());
        var verified = (await owner.CallAsync("POST", "keys/verify")).Is(HttpStatusCode.OK);
        Assert.True(verified.Json.GetProperty("ok").GetBoolean(), verified.Text);

        // Another root of the service; then the old one may go.
        var made = await KeyServiceProcess.CommandAsync("new-key", "--folder", owner.Service.Folder);
        var second = made.Out.Split('\n')[0]["key ".Length..];
        await owner.RegisterAsync(owner.Service.KeyId, second);
        Assert.Equal(["data 4 service 2", "index 1 service 2", "index 2 service 2", "subject 1 service 2"], await owner.KeysAsync());
        File.Delete(Path.Combine(owner.Service.Folder, "keys", owner.Service.KeyId + ".pem"));
        await owner.SeesAsync(after, "P-2");

        (await owner.CallAsync("DELETE", "keys/service")).Is(HttpStatusCode.OK);
        (await owner.CallAsync("DELETE", "keys/service")).Is(HttpStatusCode.OK);
        await owner.Service.KillAsync();
        await server.RestartAsync();
        Assert.All(await owner.KeysAsync(), k => Assert.Contains(" file ", k, StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Null, (await owner.CallAsync("GET", "keys/service")).Json.GetProperty("registration").ValueKind);
        await owner.SeesAsync(before, "P-1");
        await owner.SeesAsync(after, "P-2");

        var acts = (await owner.CallAsync("GET", "audit?limit=100")).Is(HttpStatusCode.OK).Text;
        Assert.Contains("keys.service.register", acts, StringComparison.Ordinal);
        Assert.Contains("keys.service.remove", acts, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_withdraws_at_the_service_closes_reading_writing_and_searching_within_the_cache_time_and_nothing_else()
    {
        await using var owner = await server.OnboardAsync("withdraws", IsolationKind.Shared);
        await owner.RegisterAsync();
        var patient = await owner.AddPatientAsync("P-1");
        await owner.Service.OrderAsync("withdraw");
        await owner.UntilAsync(
            HttpStatusCode.Forbidden, "keys-withdrawn", () => owner.CallAsync("GET", $"patients/{patient}", role: "admin"));
        await ClosedAsync(owner, patient, HttpStatusCode.Forbidden, "keys-withdrawn");
        var refused = owner.Service.Log()[^1];
        Assert.Equal(owner.Id.Value, refused.GetProperty("tenant").GetGuid());
        Assert.Equal("withdrawn", refused.GetProperty("outcome").GetString());

        await owner.Service.OrderAsync("grant");
        await owner.SeesAsync(patient, "P-1");

        await owner.Service.KillAsync();
        await owner.UntilAsync(
            HttpStatusCode.ServiceUnavailable, "keys-unavailable", () => owner.CallAsync("GET", $"patients/{patient}", role: "admin"));
        await ClosedAsync(owner, patient, HttpStatusCode.ServiceUnavailable, "keys-unavailable");
        await owner.Service.StartAsync(samePort: true);
        await owner.SeesAsync(patient, "P-1");
    }

    [Fact]
    public async Task A_registration_that_is_killed_leaves_the_keys_where_they_were()
    {
        await using var owner = await server.OnboardAsync("killed", IsolationKind.Shared);
        var patient = await owner.AddPatientAsync("P-1");
        var before = await owner.KeysAsync();
        foreach (var (act, table) in new[]
        {
            ("insert", "control.held_key_service"), ("insert", "control.held_key_root"), ("insert", "control.tenant_key"),
            ("delete", "control.tenant_key"), ("insert", "control.audit_entry"),
        })
        {
            await using (await Sabotage.AtAsync(await server.CatalogueAsync(), act, table))
            {
                Assert.True((int)(await owner.CallAsync("PUT", "keys/service", owner.Registration())).Status >= 500);
            }

            await StaysAsync(owner, before, patient);
        }

        await owner.RegisterAsync();
        var held = await owner.KeysAsync();
        await using (await Sabotage.AtAsync(await server.CatalogueAsync(), "delete", "control.held_key_service"))
        {
            Assert.True((int)(await owner.CallAsync("DELETE", "keys/service")).Status >= 500);
        }

        Assert.Equal(held, await owner.KeysAsync());
        await owner.SeesAsync(patient, "P-1");
    }

    [Fact]
    public async Task A_service_that_does_not_do_what_it_must_gets_no_keys()
    {
        await using var owner = await server.OnboardAsync("failing", IsolationKind.Shared);
        await using var other = await server.OnboardAsync("failing2", IsolationKind.Shared);
        var patient = await owner.AddPatientAsync("P-1");
        var before = await owner.KeysAsync();
        await owner.Service.OrderAsync("withdraw");
        await FailsAsync(owner.Registration(), "withdrawn");
        await owner.Service.OrderAsync("grant");
        await FailsAsync(other.Registration(), "other-tenant");
        await owner.Service.KillAsync();
        await FailsAsync(owner.Registration(), "not reachable");
        await owner.Service.StartAsync(samePort: true);

        // The newest key is the one that is used: another's would lock everybody out.
        var strange = owner.Registration();
        strange["keys"] = new[]
        {
            new { root = 1, publicKey = owner.Service.Read($"keys/{owner.Service.KeyId}.pub.pem") },
            new { root = 2, publicKey = other.Service.Read($"keys/{other.Service.KeyId}.pub.pem") },
        };
        await FailsAsync(strange, "no such key");

        // Held already, a failing change leaves it so; and the number of a root names one key for good.
        await owner.RegisterAsync();
        before = await owner.KeysAsync();
        await FailsAsync(strange, "no such key");
        var nowhere = owner.Registration();
        nowhere["url"] = "https://localhost:1";
        await FailsAsync(nowhere, "not reachable");
        var made = await KeyServiceProcess.CommandAsync("new-key", "--folder", owner.Service.Folder);
        var reused = await owner.CallAsync("PUT", "keys/service", owner.Registration(made.Out.Split('\n')[0]["key ".Length..]));
        reused.Is(HttpStatusCode.UnprocessableEntity);
        Assert.Equal(["/keys/0"], Pointers(reused));
        await StaysAsync(owner, before, patient, isHeld: true);

        // Other certificates under the same authority: the keys stay as they are.
        await owner.Service.OrderAsync("renew");
        var old = Certificate(await owner.CallAsync("GET", "keys/service"));
        var renewed = Certificate(await owner.RegisterAsync());
        Assert.NotEqual(old, renewed);
        Assert.Equal(before, await owner.KeysAsync());

        static string? Certificate(Answer shown) =>
            shown.Json.GetProperty("registration").GetProperty("clientCertificate").GetString();

        async Task FailsAsync(Dictionary<string, object> registration, string why)
        {
            var answer = (await owner.CallAsync("PUT", "keys/service", registration)).Is(HttpStatusCode.UnprocessableEntity);
            Assert.Equal("key-service-failed", answer.Code);
            Assert.Contains(why, answer.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Equal(before, await owner.KeysAsync());
        }
    }

    [Fact]
    public async Task Every_fault_of_a_registration_is_told_at_once_with_its_place()
    {
        await using var owner = await server.OnboardAsync("faults", IsolationKind.Shared);
        foreach (var (body, pointers) in new (object, string[])[]
        {
            ("{}", ["/clientCertificate", "/clientKey", "/keys", "/serverCa", "/url"]),
            ("[]", [""]),
            ("""{"url":1,"serverCa":null,"keys":{},"clientCertificate":[],"clientKey":{},"more":1}""",
                ["/clientCertificate", "/clientKey", "/keys", "/more", "/serverCa", "/url"]),
            (With("url", "http://keys.example.org"), ["/url"]),
            (With("url", "https://keys.example.org\0"), ["/url"]),
            (With("serverCa", "no PEM"), ["/serverCa"]),
            (With("keys", Array.Empty<object>()), ["/keys"]),
            (With("keys", new object[] { 1, new { root = 0, publicKey = "x" }, new { root = "1", publicKey = 2, more = 3 } }),
                ["/keys/0", "/keys/1/root", "/keys/2/more", "/keys/2/publicKey", "/keys/2/root"]),
            (With("keys", Enumerable.Repeat(new { root = 1, publicKey = owner.Service.Read($"keys/{owner.Service.KeyId}.pub.pem") }, 2)),
                ["/keys/1"]),
            (With("keys", Enumerable.Range(1, 101).Select(root => new { root, publicKey = "x" })), ["/keys"]),
            (With("clientCertificate", owner.Service.Read("ca.pem")), ["/clientKey"]),
            (With("clientKey", owner.Service.Read("server.pem")), ["/clientKey"]),
            (With("clientKey", owner.Service.Read("platform.pem") + new string('\n', 40_000)), ["/clientKey"]),
        })
        {
            var answer = (await owner.CallAsync("PUT", "keys/service", body)).Is(HttpStatusCode.UnprocessableEntity);
            Assert.Equal("invalid-value", answer.Code);
            Assert.Equal(pointers, Pointers(answer));
            Assert.DoesNotContain("PRIVATE KEY-----", answer.Text, StringComparison.Ordinal);
        }

        (await owner.CallAsync("PUT", "keys/service", """{"url":"a","url":"b"}""")).Is(HttpStatusCode.BadRequest);
        (await owner.CallAsync("PUT", "keys/service", "{")).Is(HttpStatusCode.BadRequest);
        (await owner.CallAsync("PUT", "keys/service", new StringContent("{}"))).Is(HttpStatusCode.UnsupportedMediaType);
        (await owner.CallAsync("PUT", "keys/service", With("url", new string('a', 300_000)))).Is(HttpStatusCode.RequestEntityTooLarge);
        foreach (var method in new[] { "GET", "PUT", "DELETE" })
        {
            (await owner.CallAsync(method, "keys/service", role: "admin")).Is(HttpStatusCode.NotFound);
        }

        Assert.Equal(0, owner.Service.Lines);

        Dictionary<string, object> With(string member, object value) => new(owner.Registration()) { [member] = value };
    }

    [Fact]
    public async Task Who_slips_another_public_key_into_the_catalogue_gets_nothing_wrapped_under_it()
    {
        await using var owner = await server.OnboardAsync("slipped", IsolationKind.Shared);
        await owner.RegisterAsync();
        var patient = await owner.AddPatientAsync("P-1");
        var held = await owner.KeysAsync();

        // A service that answers for this tenant, takes our certificate, and opens what is sealed to its key.
        var thief = new KeyServiceProcess { Tenant = owner.Id };
        await thief.InitializeAsync();
        try
        {
            var authority = thief.Read("ca.pem");
            await thief.KillAsync();
            await File.WriteAllTextAsync(Path.Combine(thief.Folder, "ca.pem"), owner.Service.Read("ca.pem"));
            await thief.StartAsync();
            await using var catalogue = await server.CatalogueAsync();
            await ChangeAsync(catalogue, thief.Url, authority, thief.Read($"keys/{thief.KeyId}.pub.pem"));
            await owner.UntilAsync(
                HttpStatusCode.ServiceUnavailable, "keys-unavailable", () => owner.CallAsync("GET", $"patients/{patient}", role: "admin"));
            foreach (var what in new[] { "tenant", "index" })
            {
                (await owner.CallAsync("POST", $"keys/rotate?key={what}")).Is(HttpStatusCode.ServiceUnavailable);
            }

            Assert.Equal(0, thief.Lines);
            Assert.Equal(held, await owner.KeysAsync());
            await ChangeAsync(
                catalogue, owner.Service.Url, owner.Service.Read("ca.pem"), owner.Service.Read($"keys/{owner.Service.KeyId}.pub.pem"));
            await owner.UntilAsync(HttpStatusCode.OK, null, () => owner.CallAsync("GET", $"patients/{patient}", role: "admin"));
        }
        finally
        {
            await thief.DisposeAsync();
        }

        async Task ChangeAsync(Npgsql.NpgsqlConnection catalogue, string url, string authority, string publicKey)
        {
            await catalogue.RunAsync(
                "update control.held_key_service set url = $2, server_ca = $3 where tenant_id = $1", default, owner.Id.Value, url, authority);
            await catalogue.RunAsync(
                "update control.held_key_root set public_key = $2 where tenant_id = $1", default, owner.Id.Value, publicKey);
        }
    }

    [Fact]
    public async Task A_rotation_of_our_root_does_not_bring_home_a_key_that_left_while_it_ran()
    {
        await using var owner = await server.OnboardAsync("leaves", IsolationKind.Shared);
        await using var catalogue = await server.CatalogueAsync();
        await using var watch = await server.CatalogueAsync();
        // Without triggers: the generation's row would hold up the rotation before it has read the key.
        await catalogue.RunAsync("set session_replication_role = replica", default);
        await using var transaction = await catalogue.BeginTransactionAsync();
        await catalogue.RunAsync(
            "insert into control.held_key_service values ($1, 'https://keys.example.org', '', '', '', now())", default, owner.Id.Value);
        await catalogue.RunAsync("insert into control.held_key_root values ($1, 1, '')", default, owner.Id.Value);
        await catalogue.RunAsync(
            "update control.tenant_key set root = null, held_root = 1 where tenant_id = $1 and purpose = 'index'", default, owner.Id.Value);
        var rotation = server.SendAsync("POST", "/operator/v1/keys/rotate", server.Operator);
        while (await watch.ScalarAsync<long>(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%control.tenant_key%'", default) == 0)
        {
            Assert.False(rotation.IsCompleted, "the rotation did not come to the key");
            await Task.Delay(20);
        }

        await transaction.CommitAsync();
        (await rotation).Is(HttpStatusCode.OK);
        Assert.Equal(1, await watch.ScalarAsync<int>(
            "select held_root from control.tenant_key where tenant_id = $1 and purpose = 'index'", default, owner.Id.Value));
    }

    [Fact]
    public async Task The_command_line_registers_shows_and_removes_as_the_readme_says()
    {
        await using var owner = await server.OnboardAsync("commands", IsolationKind.Shared);
        var patient = await owner.AddPatientAsync("P-1");
        Assert.Contains(owner.Service.KeyId, await ReadmeAsync("keys service register"), StringComparison.Ordinal);
        Assert.Equal(["data 2 service 1", "index 1 service 1", "subject 1 service 1"], await owner.KeysAsync());
        await KeyServiceProcess.CommandAsync("new-key", "--folder", owner.Service.Folder);
        await ReadmeAsync("keys service register");
        Assert.Equal(["data 3 service 2", "index 1 service 2", "subject 1 service 2"], await owner.KeysAsync());
        await owner.SeesAsync(patient, "P-1");
        Assert.Contains("The platform holds the tenant's keys", await ReadmeAsync("keys service remove"), StringComparison.Ordinal);
        await owner.SeesAsync(patient, "P-1");
        await owner.UntilAsync(HttpStatusCode.OK, null, () => owner.FindAsync("P-1"));
        Assert.Equal(0, server.Stores.Held);

        async Task<string> ReadmeAsync(string command)
        {
            var blocks = Block().Matches(await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "samples/key-service/README.md")))
                .Select(m => m.Groups[1].Value).ToList();
            var script = blocks[0] + Assert.Single(blocks, b => b.Contains(command, StringComparison.Ordinal));
            var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script])
            {
                WorkingDirectory = RunningProgram.Root, RedirectStandardOutput = true, RedirectStandardError = true,
            };
            start.Environment["BULKHEAD"] = Path.Combine(AppContext.BaseDirectory, "bulkhead");
            start.Environment["BULKHEAD_URL"] = server.Url;
            start.Environment["BULKHEAD_CLIENT_ID"] = owner.Clients["securityOfficer"].Id;
            start.Environment["BULKHEAD_CLIENT_SECRET"] = owner.Clients["securityOfficer"].Secret;
            start.Environment["SLUG"] = owner.Slug;
            start.Environment["FOLDER"] = owner.Service.Folder;
            start.Environment["PORT"] = new Uri(owner.Service.Url).Port.ToString(global::System.Globalization.CultureInfo.InvariantCulture);
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
            Assert.True(process.ExitCode == 0, $"{command}: {await output}{await error}");
            return await output;
        }
    }

    private static string[] Pointers(Answer answer) =>
    [
        .. answer.Json.GetProperty("errors").EnumerateArray()
            .Select(e => e.GetProperty("pointer").GetString()!).Order(StringComparer.Ordinal),
    ];

    private static async Task StaysAsync(KeyOwner owner, List<string> keys, string patient, bool isHeld = false)
    {
        Assert.Equal(keys, await owner.KeysAsync());
        var shown = (await owner.CallAsync("GET", "keys/service")).Is(HttpStatusCode.OK).Json.GetProperty("registration");
        Assert.Equal(isHeld, shown.ValueKind != JsonValueKind.Null);
        await owner.SeesAsync(patient, "P-1");
    }

    /// <summary>Reading, finding and writing are refused; signing in, the log and the switch go on.</summary>
    private static async Task ClosedAsync(KeyOwner owner, string patient, HttpStatusCode status, string code)
    {
        Assert.Equal(code, (await owner.CallAsync("GET", $"patients/{patient}", role: "admin")).Is(status).Code);
        Assert.Equal(code, (await owner.FindAsync("P-1")).Is(status).Code);
        Assert.Equal(code, (await owner.CreateAsync("P-9")).Is(status).Code);
        Assert.Equal(code, (await owner.CallAsync("POST", "keys/rotate?key=tenant")).Is(status).Code);
        Assert.Equal(code, (await owner.CallAsync("DELETE", "keys/service")).Is(status).Code);
        await owner.SignInAsync();
        (await owner.CallAsync("GET", "audit")).Is(HttpStatusCode.OK);
        (await owner.CallAsync("GET", "keys/service")).Is(HttpStatusCode.OK);
        Assert.False((await owner.CallAsync("POST", "keys/verify")).Is(HttpStatusCode.OK).Json.GetProperty("ok").GetBoolean());
        (await owner.CallAsync("POST", "keys/revoke")).Is(HttpStatusCode.OK);
        (await owner.CallAsync("POST", "keys/restore")).Is(HttpStatusCode.OK);
    }

    [GeneratedRegex("```bash run\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();
}
