using System.Text.RegularExpressions;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Keys;

/// <summary>What a security officer is told to run, and the client of who brings a key: as they stand, against a program of their own.</summary>
public sealed partial class KeysDocs(RunningProgram program) : IClassFixture<RunningProgram>
{
    [PythonFact("json")]
    public async Task Run_every_snippet_for_the_security_officer()
    {
        var document = await ReadAsync("keys.md");
        // A snippet that is not run is a claim that nobody checks.
        Assert.Equal(AnyShell().Count(document), Runnable().Count(document));
        var output = await RunAsync(document);
        Assert.Contains("the city is there\nthe passport is not\n", output, StringComparison.Ordinal);
        Assert.Contains("\n403\n200\n", output, StringComparison.Ordinal);
        Assert.EndsWith("Verified OK\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("FAILS", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Erase_one_person_as_the_docs_say()
    {
        var output = await RunAsync(await ReadAsync("subject-keys.md"));
        Assert.Contains("was erased at", output, StringComparison.Ordinal);
        Assert.Contains("\"passport\":null", output, StringComparison.Ordinal);
    }

    [PythonFact("cryptography")]
    public async Task Bring_a_key_with_the_client_that_the_docs_show()
    {
        var output = await RunAsync(await ReadAsync("key-import.md"));
        Assert.Matches(@"""purpose"":""data"",""number"":[2-9]", output);
        Assert.DoesNotContain("FAILS", output, StringComparison.Ordinal);
    }

    private static Task<string> ReadAsync(string name) => File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", name));

    private async Task<string> RunAsync(string document)
    {
        var snippets = Runnable().Matches(document).Select(m => m.Groups[1].Value).ToList();
        Assert.NotEmpty(snippets);
        var folder = Directory.CreateTempSubdirectory("bh-docs-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "seal.py"), Client().Match(document).Groups[1].Value);
            var (code, output, error) = await RunningProgram.ShellAsync(
                $"export BULKHEAD_DATA={program.Data} API={program.Url}/t/northside/api/v1 WORK={folder} TMPDIR={folder}\n"
                + string.Join('\n', snippets));
            Assert.True(code == 0, $"{output}\n{error}");
            return output;
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

    [GeneratedRegex("```python seal\\.py\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Client();
}
