using System.Diagnostics;
using System.Text.Json;
using Bulkhead.Tests.System.Keys;

namespace Bulkhead.Tests.System.Bench;

/// <summary>That the bench still runs from end to end; how fast anything is, is not asked here.</summary>
public class BenchRuns
{
    [Fact]
    public async Task The_quick_bench_measures_every_part_and_prints_it_as_JSON()
    {
        var folder = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'));
        var program = Path.GetFullPath(
            Path.Combine(AppContext.BaseDirectory, "../../Bulkhead.Bench", folder, "Bulkhead.Bench.dll"));
        var start = new ProcessStartInfo("dotnet", [program, "--quick", "--json"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The host that was built with this test, not one that a launcher named.
        start.Environment.Remove("BULKHEAD_PROGRAM");
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);

        using var report = JsonDocument.Parse(await output);
        var groups = report.RootElement.GetProperty("groups").EnumerateArray().ToList();
        Assert.Equal(
            [
                "HTTP get one", "HTTP list of 25", "Sealing, get one", "Sealing, list of 25",
                "Price of audit, get one over HTTP", "Price of audit, create over HTTP", "Point read", "Insert", "Audited point read",
                "Audit log, one entry a transaction", "Audit log, batches",
                "Envelopes of 100 B", "Envelopes of 1 KiB", "Envelopes of 64 KiB", "Commitments", "Range proofs of 64 bits", "Totals", "Search of the audit log",
                "Key stores", "Root rotation", "Tenant key rotation",
            ],
            groups.Select(g => g.GetProperty("title").GetString()));
        string[] titles =
        [
            "Price of audit, get one over HTTP", "Price of audit, create over HTTP", "Audit log, one entry a transaction", "Audit log, batches",
        ];
        var audit = groups.Where(g => titles.Contains(g.GetProperty("title").GetString())).ToList();
        Assert.All(audit, g => Assert.Contains(
            "fsync=on, full_page_writes=on, synchronous_commit=on", g.GetProperty("note").GetString(), StringComparison.Ordinal));
        Assert.Equal(
            [64, 64, 64, 256, 256, 256],
            audit[2].GetProperty("variants").EnumerateArray().Skip(3).Select(v => v.GetProperty("callers").GetInt32()));
        Assert.Matches(
            @"## Time to checkpoint[\s\S]*\n\| idle \| [1-9]\d* \| \d+ \| \d+ \| \d+ \|\n\| under load \| [1-9]\d* \| \d+ \| \d+ \| \d+ \|",
            string.Join('\n', report.RootElement.GetProperty("notes").EnumerateArray().Select(n => n.GetString())));
        // Where there is no SoftHSM the report says so instead.
        Assert.All(groups.TakeLast(3), g =>
        {
            var names = g.GetProperty("variants").EnumerateArray().Select(v => v.GetProperty("name").GetString()!);
            Assert.Equal(File.Exists(SoftHsm.Library), names.Any(name => name.Contains("HSM", StringComparison.Ordinal)));
        });
        Assert.All(
            groups.SelectMany(g => g.GetProperty("variants").EnumerateArray()),
            v => Assert.True(v.GetProperty("slices")[0].GetProperty("operations").GetInt64() > 0));
    }
}
