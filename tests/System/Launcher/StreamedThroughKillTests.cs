using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Tests.System.Audit;
using Bulkhead.Tests.System.Keys;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>The program is killed while it streams, again and again, and the collector has every position.</summary>
public sealed partial class StreamedThroughKillTests(RunningProgram program) : IClassFixture<RunningProgram>
{
    private const int Kills = 3;

    [Fact]
    public async Task Nothing_is_lost_when_the_program_is_killed()
    {
        using var authority = TestAuthority.Create();
        await using var collector = new SyslogListener(authority.Issue("localhost", TestAuthority.ServerAuthentication));
        var pem = Path.Combine(program.Data, "collector.pem");
        await File.WriteAllTextAsync(pem, authority.Pem);
        var (code, _, error) = await RunningProgram.ShellAsync(
            $"./bulkhead audit streams add siem --tenant northside --url {collector.Url} --authority {pem} --from 0 --data {program.Data}");
        Assert.True(code == 0, error);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var stop = new CancellationTokenSource();
            var writers = Enumerable.Range(0, 3).Select(_ => WriteAsync(stop.Token)).ToList();
            await Task.Delay(Random.Shared.Next(1000, 2500));
            await RunningProgram.ShellAsync($"kill -9 {program.ProcessId}");
            await program.KilledAsync();
            await stop.CancelAsync();
            await Task.WhenAll(writers);
            await program.StartAsync();
        }

        var until = DateTime.UtcNow.AddSeconds(60);
        var seen = new HashSet<long>();
        JsonElement state = default;
        var size = long.MaxValue;
        do
        {
            Assert.True(DateTime.UtcNow < until, $"the stream does not catch up: {state}");
            await Task.Delay(500);
            var (_, text, _) = await RunningProgram.ShellAsync(
                $"./bulkhead audit streams show siem --tenant northside --json --data {program.Data}");
            state = JsonDocument.Parse(text).RootElement;
            // Asking is an entry too: what there was at the first time is enough.
            size = Math.Min(size, state.GetProperty("next").GetInt64() + state.GetProperty("lagEntries").GetInt64());
        }
        while (state.GetProperty("next").GetInt64() < size);

        var highest = -1L;
        foreach (var message in collector.Messages)
        {
            var position = long.Parse(Position().Match(message).Groups[1].Value, null);
            // Again from where it was acknowledged, and never ahead.
            Assert.True(position <= highest + 1, $"{position} after {highest}");
            highest = Math.Max(highest, position);
            seen.Add(position);
        }

        Assert.InRange((long)seen.Count, state.GetProperty("next").GetInt64(), long.MaxValue);
        Assert.Equal(highest + 1, seen.Count);
        Assert.True(seen.Count > 100, $"{seen.Count} positions");
    }

    [GeneratedRegex("position=\"(\\d+)\"")]
    private static partial Regex Position();

    private async Task WriteAsync(CancellationToken stop)
    {
        var client = program.DevFile.GetProperty("tenants").EnumerateArray().First(t => t.GetProperty("slug").GetString() == "northside");
        var account = client.GetProperty("clients").EnumerateArray().First(c => c.GetProperty("role").GetString() == "clinician");
        using var http = new HttpClient();
        try
        {
            using var form = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["grant_type"] = "client_credentials",
                ["client_id"] = account.GetProperty("clientId").GetString()!,
                ["client_secret"] = account.GetProperty("clientSecret").GetString()!,
            });
            using var answer = await http.PostAsync(client.GetProperty("tokenUrl").GetString(), form, stop);
            using var token = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(stop));
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.RootElement.GetProperty("access_token").GetString());
            while (!stop.IsCancellationRequested)
            {
                using var read = await http.GetAsync($"{client.GetProperty("baseUrl").GetString()}/api/v1/patients?limit=1", stop);
                Assert.True(read.IsSuccessStatusCode, $"{read.StatusCode}");
            }
        }
        catch (Exception gone) when (gone is HttpRequestException or OperationCanceledException or IOException)
        {
            // The program was killed.
        }
    }
}
