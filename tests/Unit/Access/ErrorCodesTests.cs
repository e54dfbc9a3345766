using System.Text;
using System.Text.RegularExpressions;
using Bulkhead.Gateway;
using Bulkhead.Platform.Access;

namespace Bulkhead.Tests.Unit.Access;

public sealed partial class ErrorCodesTests
{
    /// <summary>Words of our sources that have the form of a code and are none.</summary>
    private static readonly string[] NoCodes =
    [
        "no-cache", "no-store", "date-time", "uri-reference", "well-known", "add-checkpoint",
        // What a witness answered, told in a witness's state.
        "other-key", "unknown-log", "heads-lost", "split-view", "not-continued",
    ];

    [Fact]
    public void Every_code_in_the_sources_is_in_the_list()
    {
        var missing = Sources()
            .SelectMany(file => KebabLiteral().Matches(file.Text).Select(m => (Code: m.Groups[1].Value, file.Name)))
            .Where(found => !NoCodes.Contains(found.Code) && !ErrorCodes.All.ContainsKey(found.Code))
            .Select(found => $"{found.Code} in {found.Name}")
            .Distinct()
            .ToArray();
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_code_in_the_list_is_used()
    {
        var all = string.Concat(Sources().Select(file => file.Text));
        Assert.All(
            ErrorCodes.All.Keys, code => Assert.Contains($"\"{code}\"", all, StringComparison.Ordinal));
    }

    [Fact]
    public void The_edge_gives_a_code_the_same_title_as_the_platform() =>
        Assert.All(
            EdgeProblem.All.Where(p => ErrorCodes.All.ContainsKey(p.Code)),
            problem => Assert.Equal(ErrorCodes.All[problem.Code], problem.Title));

    /// <summary>Written anew with BULKHEAD_WRITE_DOCS=1.</summary>
    [Fact]
    public void The_committed_list_of_errors_is_the_one_of_the_sources()
    {
        var path = Repository.PathOf("docs", "errors.md");
        if (Environment.GetEnvironmentVariable("BULKHEAD_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, Document());
        }

        Assert.Equal(Document(), File.ReadAllText(path));
    }

    private static string Document()
    {
        var codes = ErrorCodes.All
            .Concat(EdgeProblem.All.Select(p => KeyValuePair.Create(p.Code, p.Title)))
            .DistinctBy(code => code.Key)
            .OrderBy(code => code.Key, StringComparer.Ordinal);
        var text = new StringBuilder("""
            # Errors

            Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; `errors` lists each fault with its own code and
            place. Codes are added, never renamed. The token endpoint answers as RFC 6749 section 5.2 says instead. This page is made from
            `ErrorCodes` and `EdgeProblem`; a test compares them.

            | code | title |
            |---|---|

            """);
        foreach (var (code, title) in codes)
        {
            text.Append("| `").Append(code).Append("` | ").Append(title).Append(" |\n");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    /// <summary>Where problems are made; the API's description and the metadata of issuers have words of their own.</summary>
    private static IEnumerable<(string Name, string Text)> Sources() =>
        Directory.EnumerateFiles(Repository.PathOf("src", "Platform"), "*.cs", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) is var name
                && name != "ErrorCodes.cs"
                && !name.StartsWith("OpenApi", StringComparison.Ordinal))
            .Select(path => (Path.GetFileName(path), File.ReadAllText(path)));

    [GeneratedRegex("\"([a-z]+(?:-[a-z0-9]+)+)\"")]
    private static partial Regex KebabLiteral();
}
