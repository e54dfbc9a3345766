using System.Collections.Immutable;
using Bulkhead.Verify.Counting;
using Bulkhead.Verify.Export;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify;

/// <summary>How it was called is wrong: exit code 64.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>What follows the name of a command.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, List<string>> values = new(StringComparer.Ordinal);

    private Options(ImmutableArray<string> files) => Files = files;

    public ImmutableArray<string> Files { get; private set; }

    public bool Json { get; private set; }

    public static Options Read(ReadOnlySpan<string> args, int files, params ReadOnlySpan<string> allowed)
    {
        var options = new Options([]);
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--json")
            {
                options.Json = true;
            }
            else if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                options.Files = options.Files.Add(args[i]);
            }
            else if (!allowed.Contains(args[i]) || i + 1 == args.Length)
            {
                throw new UsageException($"{args[i]} is not an option of this command, or has no value");
            }
            else
            {
                options.All(args[i]).Add(args[++i]);
            }
        }

        return options.Files.Length == files ? options : throw new UsageException($"it takes {files} file{(files == 1 ? "" : "s")}");
    }

    public string? One(string name) => All(name) switch
    {
        [] => null,
        [var value] => value,
        _ => throw new UsageException($"{name} stands there more than once"),
    };

    public ImmutableArray<VerifierKey> Keys(string name) =>
        [.. All(name).Select(v => VerifierKey.TryParse(v, out var why) ?? throw new UsageException($"the key given with {name} cannot be used: {why}"))];

    public ImmutableArray<Condition> Conditions() =>
        [.. All("--where").Select(v => Condition.TryParse(v, out var why) ?? throw new UsageException($"--where {v}: {why}"))];

    public Grouping? Grouping() => One("--by") is not { } name ? null
        : new(EntryName.TryParse(name, out var why) ?? throw new UsageException($"--by {name}: {why}"));

    public WantedTotal? WantedTotal()
    {
        var (total, each, below) = (One("--total"), One("--each"), One("--below"));
        if (total is not null && each is not null)
        {
            throw new UsageException("--total and --each are two questions: ask one at a time");
        }

        var bound = below is null ? null : TotalLine.ReadNumber(below);
        if (below is not null && !(bound >= 1 && bound <= Totals.Statement.LargestBound))
        {
            throw new UsageException($"--below {below}: a bound is a number from 1 to 2^64");
        }

        if ((total ?? each) is not { } attribute)
        {
            return below is null ? null : throw new UsageException("--below needs --total or --each");
        }

        return !Commitment.IsName(attribute) ? throw new UsageException($"{attribute} is not the name of an attribute")
            : each is not null && bound is null ? throw new UsageException("--each needs --below")
            : new(attribute, each is not null, bound);
    }

    public Trust Trust() => new(Keys("--log"), Keys("--heads"), One("--origin"), Witnesses());

    private WitnessPolicy? Witnesses()
    {
        if (One("--witnesses") is not { } file)
        {
            return null;
        }

        return WitnessPolicy.TryParse(SmallFile.Lines(file), out var why) ?? throw new UnreadableException($"the policy of witnesses: {why}");
    }

    private List<string> All(string name) => values.TryGetValue(name, out var all) ? all : values[name] = [];
}
