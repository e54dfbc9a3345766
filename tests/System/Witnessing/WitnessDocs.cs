using System.Text.RegularExpressions;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Witnessing;

/// <summary>What whoever runs a witness is told to run, as it stands, against a program of its own.</summary>
public sealed partial class WitnessDocs(RunningProgram program) : IClassFixture<RunningProgram>
{
    [Fact]
    public async Task Run_every_snippet_for_who_runs_a_witness()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", "witness.md"));
        // A snippet that is not run is a claim that nobody checks.
        Assert.Equal(AnyShell().Count(document), Runnable().Count(document));
        var folder = Directory.CreateTempSubdirectory("bh-witness-docs-").FullName;
        try
        {
            var (code, output, error) = await RunningProgram.ShellAsync(
                $"export BULKHEAD_DATA={program.Data} WORK={folder} TMPDIR={folder}\n"
                + string.Join('\n', Runnable().Matches(document).Select(m => m.Groups[1].Value)));
            Assert.True(code == 0, $"{output}\n{error}");
            Assert.Matches(@"(?m)^harbour\.example/w1\+[0-9a-f]{8}\+BA", output);
            Assert.Matches(@"(?m)^harbour +[1-9][0-9]* +signed +http://localhost:", output);
            Assert.Matches("(?m)^harbour, since .*It does not answer. Next step: See whether it runs", output);
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
