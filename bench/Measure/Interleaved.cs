namespace Bulkhead.Bench.Measure;

/// <summary>
/// The slices of each variant of a group; slices of the same index were taken in the same round, within seconds of each
/// other.
/// </summary>
internal sealed record Measured(Group Group, IReadOnlyDictionary<string, IReadOnlyList<Slice>> Slices)
{
    /// <summary>
    /// Per round, what <paramref name="of"/> gives for the variant divided by what it gives for another.
    /// </summary>
    public Spread? Ratio(Variant variant, string? comparedWith, Func<Slice, double> of) => comparedWith is null
        ? null
        : Spread.Of(Slices[variant.Name].Zip(Slices[comparedWith], (mine, plain) => of(mine) / of(plain)));

    public Spread Of(Variant variant, Func<Slice, double> of) => Spread.Of(Slices[variant.Name].Select(of));
}

/// <summary>
/// Every variant runs once per round, in an order that turns by one each round: what the machine does besides hits all
/// alike, and a ratio is taken within a round.
/// </summary>
internal static class Interleaved
{
    public static async Task<Measured> RunAsync(
        Group group,
        BenchOptions options,
        int postmaster,
        Action<string> progress,
        CancellationToken cancellationToken,
        Func<Task>? beforeRound = null)
    {
        var slices = group.Variants.ToDictionary(v => v.Name, _ => new List<Slice>(options.Rounds));
        foreach (var variant in group.Variants)
        {
            progress($"{group.Title}: warming up, {variant.Name}");
            await Slice.MeasureAsync(
                variant, postmaster, variant.Callers ?? options.Concurrency, TimeSpan.FromSeconds(options.WarmUpSeconds), cancellationToken);
        }

        for (var round = 0; round < options.Rounds; round++)
        {
            progress($"{group.Title}: round {round + 1} of {options.Rounds}");
            if (beforeRound is not null)
            {
                await beforeRound();
            }

            for (var i = 0; i < group.Variants.Count; i++)
            {
                var variant = group.Variants[(i + round) % group.Variants.Count];
                slices[variant.Name].Add(await Slice.MeasureAsync(
                    variant, postmaster, variant.Callers ?? options.Concurrency, TimeSpan.FromSeconds(options.Seconds), cancellationToken));
            }
        }

        return new(group, slices.ToDictionary(s => s.Key, s => (IReadOnlyList<Slice>)s.Value));
    }
}
