using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Tests.Unit.Tidy;

namespace Bulkhead.Tests.Unit.Vectors;

/// <summary>A test of a file of C2SP/wycheproof, with the group that it stands in.</summary>
internal sealed record WycheproofTest(int Group, JsonElement Setting, JsonElement Test)
{
    public bool IsValid => Test.GetProperty("result").GetString() switch
    {
        "valid" => true,
        "invalid" => false,
        var other => throw new InvalidOperationException($"A result '{other}' is neither."),
    };

    public byte[] this[string name] =>
        Convert.FromHexString((Test.TryGetProperty(name, out var value) ? value : Setting.GetProperty(name)).GetString()!);

    public override string ToString() =>
        $"{Test.GetProperty("tcId")} {(Test.TryGetProperty("comment", out var comment) ? comment.GetString() : "")}".TrimEnd();
}

internal static class Wycheproof
{
    public static string Folder { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("BULKHEAD_VECTORS") is { Length: > 0 } named
            ? named
            : Path.GetFullPath(Path.Combine(Sources.Root, "..", "shared", "vectors")),
        "wycheproof");

    /// <summary>All tests of a file: as many as it says it has.</summary>
    public static ImmutableArray<WycheproofTest> Load(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, file)));
        var root = json.RootElement.Clone();
        ImmutableArray<WycheproofTest> tests =
        [
            .. root.GetProperty("testGroups").EnumerateArray().SelectMany((group, number) =>
                group.GetProperty("tests").EnumerateArray().Select(test => new WycheproofTest(number, group, test))),
        ];
        Assert.Equal(root.GetProperty("numberOfTests").GetInt32(), tests.Length);
        return tests;
    }

    /// <summary>Those for which the answer is not the file's.</summary>
    public static string[] Wrong(IEnumerable<WycheproofTest> tests, Func<WycheproofTest, bool> accepts) =>
        [.. tests.Where(test => accepts(test) != test.IsValid).Select(test => test.ToString())];
}
