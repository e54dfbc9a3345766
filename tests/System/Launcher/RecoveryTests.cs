using System.Globalization;
using System.Text.Json;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>Whatever dies, the next start goes on; what is told to stop, stops.</summary>
public class RecoveryTests
{
    [Fact]
    public async Task Go_on_after_both_programs_were_killed_and_leave_nothing_running_after_a_stop()
    {
        using var program = new RunningProgram();
        await program.StartAsync();
        try
        {
            var rows = await RowsAsync(program);
            var devFile = await File.ReadAllTextAsync(Path.Combine(program.Data, "dev.json"));
            var postmaster = await PostmasterAsync(program);
            await RunningProgram.ShellAsync($"kill -9 {program.ProcessId} {postmaster}");
            await program.KilledAsync();

            await program.StartAsync();
            Assert.Equal(rows, await RowsAsync(program));
            Assert.Equal(devFile, await File.ReadAllTextAsync(Path.Combine(program.Data, "dev.json")));

            postmaster = await PostmasterAsync(program);
            Assert.Equal(0, await program.StopAsync());
            Assert.False(Runs(postmaster), "PostgreSQL runs on.");
        }
        finally
        {
            await program.DisposeAsync();
        }
    }

    /// <summary>A process that has ended and that nobody has asked about yet is still listed, as a zombie.</summary>
    private static bool Runs(int process)
    {
        var stat = $"/proc/{process}/stat";
        return File.Exists(stat) && File.ReadAllText(stat).Split(") ")[^1][0] != 'Z';
    }

    private static async Task<string> RowsAsync(RunningProgram program)
    {
        var counts = new List<string>();
        foreach (var tenant in new[] { "northside", "riverside", "summit" })
        {
            var (code, answer, error) = await RunningProgram.ShellAsync(
                $"curl -sf -H \"Authorization: Bearer $(./bulkhead --data {program.Data} token {tenant} --role admin)\" "
                + $"{program.Url}/t/{tenant}/api/v1/counts");
            Assert.True(code == 0, error);
            counts.Add(JsonDocument.Parse(answer).RootElement.GetProperty("data").GetRawText());
        }

        return string.Join('\n', counts);
    }

    private static async Task<int> PostmasterAsync(RunningProgram program)
    {
        var (_, output, _) = await RunningProgram.ShellAsync(
            $"cat $(find {program.Data} /var/lib/bulkhead -name postmaster.pid 2>/dev/null | xargs -r grep -l . ) /dev/null");
        var (_, children, _) = await RunningProgram.ShellAsync($"pgrep -P {program.ProcessId} -f postgres || true");
        var text = children.Trim().Length > 0 ? children : output;
        return int.Parse(text.Trim().Split('\n')[0], CultureInfo.InvariantCulture);
    }
}
