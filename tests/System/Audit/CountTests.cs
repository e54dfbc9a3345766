using System.Globalization;

namespace Bulkhead.Tests.System.Audit;

/// <summary>An export of a time is enough to count what was done in it, and to see that nothing is missing.</summary>
public sealed class CountTests(SealingServer server) : LogChecks(server), IClassFixture<SealingServer>
{
    [Fact]
    public async Task A_time_is_counted_from_its_own_export_also_a_quiet_one_and_one_before_the_log()
    {
        await WriteAsync("a", 3);
        var begin = await LaterAsync();
        await WriteAsync("a", 2);
        var quiet = await LaterAsync();
        var end = await LaterAsync();
        await WriteAsync("a", 4);
        var last = await LaterAsync();

        var busy = await CountAsync(begin, quiet);
        Assert.True(busy.Code == 0, busy.Output);
        Assert.Contains("count  2 entries", busy.Output, StringComparison.Ordinal);
        Assert.Contains("Entries before position", busy.Output, StringComparison.Ordinal);

        var nothing = await CountAsync(quiet, end);
        Assert.True(nothing.Code == 0, nothing.Output);
        Assert.Contains("count  0 entries", nothing.Output, StringComparison.Ordinal);

        var before = await CountAsync("2020-05-01T00:00:00Z", "2020-06-01T00:00:00Z");
        Assert.True(before.Code == 0, before.Output);
        Assert.Contains("The log begins at 20", before.Output, StringComparison.Ordinal);
        Assert.Contains("of what was before, it tells nothing", before.Output, StringComparison.Ordinal);

        // Nothing was sealed after it, until the exports themselves were.
        var open = await CountAsync(end, "2999-01-01T00:00:00Z");
        Assert.Equal(1, open.Code);
        Assert.Contains("Next step: export again", open.Output, StringComparison.Ordinal);
        await SealedAsync("a");
        var closed = await CountAsync(end, last);
        Assert.True(closed.Code == 0, closed.Output);
        Assert.Contains("count  4 entries", closed.Output, StringComparison.Ordinal);
    }

    /// <summary>An instant in whole seconds, a second after all that was sealed and before all that will be.</summary>
    private async Task<string> LaterAsync()
    {
        await Task.Delay(2_200);
        var at = server.Clock.GetUtcNow().UtcDateTime;
        await Task.Delay(1_100);
        return at.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    private async Task<(int Code, string Output)> CountAsync(string begin, string end)
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, await ExportAsync("a", $"?at.gte={begin}&at.lt={end}"));
        var answer = await RunVerifierAsync($"count {file} --where action=data.create --where at>={begin} --where at<{end}");
        File.Delete(file);
        return answer;
    }
}
