using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Keys;

/// <summary>
/// The whole program as <c>./bulkhead up</c> starts it, with its own PostgreSQL and settings: after it has stopped, everything below its
/// data folder and everything that it printed is searched.
/// </summary>
public sealed class PlantedInUp(RunningProgram program) : IClassFixture<RunningProgram>
{
    [Fact]
    public Task Nothing_sealed_is_in_any_file_of_the_data_folder_nor_in_what_the_program_prints() =>
        new PlantedClinic(program).NothingSealedIsFoundAsync();
}

/// <summary>The same with <c>up --hsm</c>: the roots are in a token of SoftHSM, whose files lie in the data folder too.</summary>
public sealed class PlantedInUpWithHsm(RunningProgramWithHsm program) : IClassFixture<RunningProgramWithHsm>
{
    [SoftHsmFact]
    public async Task Nothing_sealed_is_in_any_file_of_the_data_folder_nor_in_what_the_program_prints()
    {
        var (code, roots, error) = await RunningProgram.ShellAsync($"./bulkhead --data {program.Data} keys list --json");
        Assert.True(code == 0, error);
        var store = Assert.Single(JsonDocument.Parse(roots).RootElement.GetProperty("roots").EnumerateArray()).GetProperty("store");
        Assert.Equal("pkcs11", store.GetString());
        await new PlantedClinic(program).NothingSealedIsFoundAsync();
        Assert.Empty(Directory.GetFiles(program.Data, "root-*.key", SearchOption.AllDirectories));
    }
}

/// <summary>Started only where SoftHSM is: elsewhere its test is skipped, and says so.</summary>
public sealed class RunningProgramWithHsm() : RunningProgram("--hsm")
{
    public override Task InitializeAsync() => File.Exists(SoftHsm.Library) ? base.InitializeAsync() : Task.CompletedTask;
}

/// <summary>Values of the clinic's health fields, and public ones beside them, through the API of a running program.</summary>
internal sealed class PlantedClinic(RunningProgram program)
{
    private readonly PlantedWord _sealed = new("SEALEDq");
    private readonly PlantedWord _public = new("PUBLICq");

    public async Task NothingSealedIsFoundAsync()
    {
        using var http = new HttpClient();
        var tenants = program.DevFile.GetProperty("tenants").EnumerateArray().ToList();
        Assert.Equal(["database", "schema", "shared"], tenants.Select(t => t.GetProperty("isolation").GetString()).Order());
        foreach (var tenant in tenants)
        {
            await PlantAsync(http, tenant);
        }

        Assert.Equal(0, await program.StopAsync());
        var printed = Path.Combine(program.Data, "printed");
        await File.WriteAllTextAsync(printed, program.Output);
        var files = PlantedWord.FilesOf(program.Data).ToList();
        var found = PlantedWord.FoundIn(files, [.. _sealed.Forms]).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found.Prepend("sealed values are in the clear:")));

        var control = PlantedWord.FoundIn(files, [("UTF-8", Encoding.UTF8.GetBytes(_public.Text))]).ToList();
        Assert.Contains(control, place => place.Contains("pg_wal", StringComparison.Ordinal));
        var databases = control.Where(place => place.Contains("/base/", StringComparison.Ordinal))
            .Select(place => place.Split("/base/")[1].Split('/')[0]).Distinct().ToList();
        // The cell, and the database of the tenant that has one.
        Assert.Equal(2, databases.Count);
    }

    private async Task PlantAsync(HttpClient http, JsonElement tenant)
    {
        var client = tenant.GetProperty("clients").EnumerateArray().Single(c => c.GetProperty("role").GetString() == "admin");
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = client.GetProperty("clientId").GetString()!,
            ["client_secret"] = client.GetProperty("clientSecret").GetString()!,
        });
        using var granted = await http.PostAsync(tenant.GetProperty("tokenUrl").GetString(), form);
        using var token = JsonDocument.Parse(await granted.Content.ReadAsStringAsync());
        var bearer = new AuthenticationHeaderValue("Bearer", token.RootElement.GetProperty("access_token").GetString());
        var api = tenant.GetProperty("apiUrl").GetString()!;

        var encounter = (await SendAsync("GET", "encounters?limit=1", null, HttpStatusCode.OK)).GetProperty("data")[0];
        var patient = encounter.GetProperty("patient").GetString()!;
        await SendAsync("POST", "organizations", new { name = _public.Text }, HttpStatusCode.Created);
        var condition = new
        {
            patient, encounter = encounter.GetProperty("id").GetString(), start = "2024-01-01", code = _sealed.Text,
            description = _sealed.Text + new string('d', 300) + _sealed.Text,
        };
        await SendAsync("POST", "conditions", condition, HttpStatusCode.Created);
        await SendAsync("POST", "conditions", condition with { patient = Guid.NewGuid().ToString() }, HttpStatusCode.UnprocessableEntity);
        await SendAsync("POST", "conditions", new { code = _sealed.Text + new string('c', 60) }, HttpStatusCode.UnprocessableEntity);
        await SendAsync("GET", $"conditions?code={_sealed.Text}", null, HttpStatusCode.BadRequest);
        await SendAsync("GET", $"patients?ssn={_sealed.Text[..20]}", null, HttpStatusCode.OK, HttpStatusCode.BadRequest);

        async Task<JsonElement> SendAsync(string method, string path, object? body, params HttpStatusCode[] expected)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"{api}/{path}"));
            request.Headers.Authorization = bearer;
            if (body is not null)
            {
                request.Content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
                request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
            }

            using var response = await http.SendAsync(request);
            var text = await response.Content.ReadAsStringAsync();
            Assert.True(expected.Contains(response.StatusCode), $"{method} {path}: {response.StatusCode} {text}");
            return JsonDocument.Parse(text).RootElement;
        }
    }
}
