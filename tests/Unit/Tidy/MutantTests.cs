namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>A mutant whose guard has moved removes nothing: each says what its guard is, which tests notice, and finds its text once.</summary>
public sealed class MutantTests
{
    [Fact]
    public void Every_mutant_finds_what_it_removes()
    {
        var faults = new List<string>();
        foreach (var mutant in Directory.GetFiles(Path.Combine(Sources.Root, "build", "mutants"), "*.mutant").Order(StringComparer.Ordinal))
        {
            var (name, swaps) = (Path.GetFileNameWithoutExtension(mutant), 0);
            var (mode, file, find) = ("", "", new List<string>());
            foreach (var line in File.ReadAllLines(mutant))
            {
                switch (mode, line)
                {
                    case ("", "<<<"):
                        (mode, find) = ("find", []);
                        break;
                    case ("find", "==="):
                        mode = "replace";
                        swaps++;
                        var text = File.Exists(Path.Combine(Sources.Root, file)) ? File.ReadAllText(Path.Combine(Sources.Root, file)) : "";
                        var count = text.Split(string.Join('\n', find)).Length - 1;
                        if (count != 1)
                        {
                            faults.Add($"{name}: its text stands {count} times in {file}");
                        }

                        break;
                    case ("find", _):
                        find.Add(line);
                        break;
                    case ("replace", ">>>"):
                        mode = "";
                        break;
                    case ("", _) when line.StartsWith("file: ", StringComparison.Ordinal):
                        file = line["file: ".Length..];
                        break;
                }
            }

            var lines = File.ReadAllLines(mutant);
            if (swaps == 0 || mode.Length > 0 || !lines[0].StartsWith("guard: ", StringComparison.Ordinal)
                || !lines.Any(l => l.StartsWith("tests: Unit ", StringComparison.Ordinal) || l.StartsWith("tests: System ", StringComparison.Ordinal)
                    || l.StartsWith("tests: Verify ", StringComparison.Ordinal)))
            {
                faults.Add($"{name}: guard, tests, and a text with its replacement are needed");
            }
        }

        Assert.Empty(faults);
    }
}
