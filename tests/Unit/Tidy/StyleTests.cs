using System.Text.RegularExpressions;

namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>Style as a test. Exceptions stand in exceptions.txt, each with its reason.</summary>
public sealed partial class StyleTests
{
    private const int LongestFile = 400;

    private static readonly IReadOnlyList<string> Exceptions = Sources.List("tests/Unit/Tidy/exceptions.txt");

    [Fact]
    public void Files_have_at_most_400_lines() => AssertNone("long", Sources.CSharp
        .Where(f => File.ReadLines(f).Count() > LongestFile));

    [Fact]
    public void Exceptions_are_still_needed()
    {
        foreach (var exception in Exceptions)
        {
            var parts = exception.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var path = Path.Combine(Sources.Root, parts[1]);
            Assert.True(File.Exists(path), $"{parts[1]} is gone: take it off exceptions.txt");
            Assert.True(parts[0] != "long" || File.ReadLines(path).Count() > LongestFile, $"{parts[1]} is short again: take it off exceptions.txt");
        }
    }

    [Fact]
    public void No_type_is_named_Manager_Helper_Util_or_Service() => AssertNone("name", Sources.CSharp
        .Where(f => BannedName().IsMatch(File.ReadAllText(f))));

    [Fact]
    public void Test_methods_are_sentences()
    {
        var words = Sources.CSharp
            .Where(f => Sources.Relative(f).StartsWith("tests/", StringComparison.Ordinal))
            .SelectMany(f => TestMethod().Matches(File.ReadAllText(f)).Select(m => m.Groups["name"].Value))
            .Where(n => !n.Contains('_', StringComparison.Ordinal));
        Assert.Empty(words);
    }

    [Fact]
    public void No_test_is_skipped_or_commented_out() => AssertNone("skip", Sources.CSharp
        .Where(f => Skipped().IsMatch(File.ReadAllText(f))));

    [Fact]
    public void No_path_of_a_machine_is_committed() => AssertNone("path", TextFiles()
        .Where(f => MachinePath().IsMatch(File.ReadAllText(f))));

    [Fact]
    public void No_address_of_a_registry_is_committed() => AssertNone("registry", TextFiles()
        .Where(f => Registry().IsMatch(File.ReadAllText(f))));

    [Fact]
    public void Every_project_has_a_lock_file()
    {
        foreach (var project in Sources.All.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")), $"{project} has no lock file");
        }
    }

    // Lock files say which package at which hash; where it came from is the machine's affair.
    private static IEnumerable<string> TextFiles() => Sources.All
        .Where(f => Path.GetExtension(f) is ".cs" or ".csproj" or ".props" or ".targets" or ".json" or ".md" or ".yaml" or ".yml" or ".sql"
            or ".txt" or ".html" or ".js" or ".ts" or ".css" or ".slnx" or ".mutant" or "" && new FileInfo(f).Length < 4_000_000);

    private static void AssertNone(string rule, IEnumerable<string> files) =>
        Assert.Equal([], files.Select(Sources.Relative).Except(Exceptions
            .Select(e => e.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(e => e[0] == rule).Select(e => e[1])));

    [GeneratedRegex(@"\b(class|struct|record|interface|enum)\s+\w*(Manager|Helper|Helpers|Util|Utils|Utility|Service)\b")]
    private static partial Regex BannedName();

    [GeneratedRegex(@"\[(Fact|Theory)[^\n]*\][^;{]*?\b(Task|void|ValueTask)\s+(?<name>\w+)\s*\(", RegexOptions.Singleline)]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"(Fact|Theory)\s*\(\s*Skip\s*=|^\s*//\s*\[(Fact|Theory)", RegexOptions.Multiline)]
    private static partial Regex Skipped();

    [GeneratedRegex(@"(?<![\w.])/(work|root|home/\w+|Users/\w+)/|C:\\Users", RegexOptions.CultureInvariant)]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"""resolved""\s*:\s*""https?:|api\.nuget\.org|registry\.npmjs\.org|npm\.pkg\.github", RegexOptions.CultureInvariant)]
    private static partial Regex Registry();
}
