using System.Text;
using System.Text.RegularExpressions;
using Bulkhead.Host.StartPage;

namespace Bulkhead.Tests.Unit.StartPage;

public sealed partial class ConsoleFilesTests
{
    private static readonly string[] Pages = ["start.html", "reference.html"];

    [Fact]
    public void Hold_every_file_that_a_page_names()
    {
        var named = ConsoleFiles.All.Where(file => IsText(file.Key))
            .SelectMany(file => Named().Matches(Text(file.Key)).Select(match => match.Groups[1].Value))
            .ToHashSet();
        Assert.Contains("start.css", named);
        Assert.All(named, name => Assert.Contains(name, ConsoleFiles.All.Keys));
    }

    [Fact]
    public void Load_nothing_from_anywhere_else() =>
        Assert.All(ConsoleFiles.All.Keys.Where(IsText), name => Assert.DoesNotMatch(Elsewhere(), Text(name)));

    [Fact]
    public void Hold_no_script_and_no_style_in_a_page() =>
        Assert.All(Pages, name => Assert.DoesNotMatch(Inline(), Text(name)));

    [Theory]
    [InlineData("fonts/OFL.txt")]
    [InlineData("../Program.cs")]
    [InlineData("start.html.bak")]
    public void Know_no_other_name(string name) => Assert.False(ConsoleFiles.All.ContainsKey(name));

    private static bool IsText(string name) => !name.EndsWith(".woff2", StringComparison.Ordinal);

    private static string Text(string name) => Encoding.UTF8.GetString(ConsoleFiles.All[name].Content);

    [GeneratedRegex("/console/([a-zA-Z0-9_./-]+)")]
    private static partial Regex Named();

    // the namespace of an SVG file is a name and loads nothing
    [GeneratedRegex("(?:src|href)=\"(?:https?:)?//|url\\(\"?(?:https?:)?//|@import|from \"https?:")]
    private static partial Regex Elsewhere();

    [GeneratedRegex("<script(?![^>]*\\ssrc=)|<style|\\sstyle=|\\son[a-z]+=|javascript:")]
    private static partial Regex Inline();
}
