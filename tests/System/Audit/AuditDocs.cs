using System.Text.RegularExpressions;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What an auditor is told to run, as it stands, against a program of its own.</summary>
public sealed partial class AuditDocs(RunningProgram program) : IClassFixture<RunningProgram>
{
    [Fact]
    public async Task Run_every_snippet_for_the_auditor()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", "audit.md"));
        // A snippet that is not run is a claim that nobody checks.
        Assert.Equal(AnyShell().Count(document), Runnable().Count(document));
        var folder = Directory.CreateTempSubdirectory("bh-audit-").FullName;
        try
        {
            var (code, output, error) = await RunningProgram.ShellAsync(
                $"export BULKHEAD_DATA={program.Data} API={program.Url}/t/northside/api/v1 WORK={folder} TMPDIR={folder}\n"
                + string.Join('\n', Runnable().Matches(document).Select(m => m.Groups[1].Value)));
            Assert.True(code == 0, $"{output}\n{error}");
            Assert.Contains("it does not hold", output, StringComparison.Ordinal);
            Assert.Contains("entry 0", output, StringComparison.Ordinal);
            Assert.Contains("One history", output, StringComparison.Ordinal);
            Assert.Contains("count  0 entries with action~data. and actor.kind=operator", await File.ReadAllTextAsync(Path.Combine(folder, "may")), StringComparison.Ordinal);
            Assert.Contains(" of actor.id ", output, StringComparison.Ordinal);
            Assert.Contains("the total of bytesExported", await File.ReadAllTextAsync(Path.Combine(folder, "total")), StringComparison.Ordinal);
            var verdict = await File.ReadAllTextAsync(Path.Combine(folder, "verdict"));
            Assert.Contains("harbour", verdict, StringComparison.Ordinal);
            Assert.Contains("library", verdict, StringComparison.Ordinal);
            Assert.DoesNotContain("BROKEN", verdict, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("audit-search.md", "was \"")]
    [InlineData("audit-streams.md", "next position")]
    [InlineData("audit-retention.md", "who placed it does not lift it")]
    public async Task Run_every_snippet_for_who_runs_the_log(string name, string says)
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", name));
        Assert.Equal(AnyShell().Count(document), Runnable().Count(document));
        var folder = Directory.CreateTempSubdirectory("bh-audit-").FullName;
        try
        {
            var (code, output, error) = await RunningProgram.ShellAsync(
                $"export BULKHEAD_DATA={program.Data} API={program.Url}/t/northside/api/v1 WORK={folder} TMPDIR={folder}\n"
                + string.Join('\n', Runnable().Matches(document).Select(m => m.Groups[1].Value)));
            Assert.True(code == 0, $"{output}\n{error}");
            Assert.Contains(says, output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex("```bash run\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Runnable();

    [GeneratedRegex("^```(bash|sh|shell|console)", RegexOptions.Multiline)]
    private static partial Regex AnyShell();
}
