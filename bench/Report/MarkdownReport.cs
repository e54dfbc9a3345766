using System.Globalization;
using System.Text;
using Bulkhead.Bench.Measure;

namespace Bulkhead.Bench.Report;

/// <summary>
/// The figures as a table per group: medians of the rounds, ratios with what the middle half of the rounds lies
/// between.
/// </summary>
internal static class MarkdownReport
{
    public static string Of(Surroundings surroundings, IReadOnlyList<Measured> all, IReadOnlyList<string> notes)
    {
        var text = new StringBuilder();
        text.AppendLine("# Bulkhead bench").AppendLine();
        foreach (var line in surroundings.Lines)
        {
            text.Append("- ").AppendLine(line);
        }

        text.AppendLine()
            .AppendLine(
                "Medians of the rounds. A ratio is taken within a round and shown as median [lower quartile – upper quartile]; "
                + "more than 1 is better than the base, also for CPU (base's CPU per operation divided by this one's). CPU is user and system "
                + "time per operation, of the program and of the whole PostgreSQL, background processes included.");
        foreach (var measured in all)
        {
            Append(text, measured);
        }

        foreach (var note in notes)
        {
            text.AppendLine().AppendLine(note);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, Measured measured)
    {
        text.AppendLine().Append("## ").AppendLine(measured.Group.Title).AppendLine().AppendLine(measured.Group.Note).AppendLine();
        var allocations = measured.Group.Variants.Any(v => v.InProcess);
        var second = measured.Group.Variants.Select(v => v.SecondBase).FirstOrDefault(b => b is not null);
        text.Append("| | per s | p50 µs | p99 µs | CPU µs program | CPU µs PostgreSQL |").Append(allocations ? " bytes allocated |" : "")
            .Append(" throughput ratio | CPU ratio |").Append(second is null ? "" : $" CPU ratio to “{second}” |").AppendLine(" goal |")
            .Append("|---|---:|---:|---:|---:|---:|").Append(allocations ? "---:|" : "").Append("---|---|")
            .Append(second is null ? "" : "---|").AppendLine("---|");
        foreach (var variant in measured.Group.Variants)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {variant.Name} |");
            foreach (var figure in Figures(allocations))
            {
                text.Append(CultureInfo.InvariantCulture, $" {measured.Of(variant, figure).Median:0} |");
            }

            var throughput = measured.Ratio(variant, variant.Base, s => s.PerSecond);
            var cpu = measured.Ratio(variant, variant.Base, s => 1 / s.Cpu);
            text.Append(CultureInfo.InvariantCulture, $" {Ratio(throughput)} | {Ratio(cpu)} |");
            if (second is not null)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Ratio(measured.Ratio(variant, variant.SecondBase, s => 1 / s.Cpu))} |");
            }

            text.Append(CultureInfo.InvariantCulture, $" {Goal(variant, throughput, cpu)} |").AppendLine();
        }
    }

    private static IEnumerable<Func<Slice, double>> Figures(bool allocations) =>
    [
        s => s.PerSecond, s => s.P50, s => s.P99, s => s.ServerCpu, s => s.PostgresCpu,
        .. allocations ? [s => s.Allocated ?? 0] : Array.Empty<Func<Slice, double>>(),
    ];

    private static string Ratio(Spread? ratio) => ratio is { } r
        ? string.Create(CultureInfo.InvariantCulture, $"{r.Median:0.00} [{r.Low:0.00} – {r.High:0.00}]")
        : "";

    private static string Goal(Variant variant, Spread? throughput, Spread? cpu) =>
        variant.ThroughputGoal is { } wanted ? Verdict("throughput", wanted, throughput)
        : variant.CpuGoal is { } wantedCpu ? Verdict("CPU", wantedCpu, cpu)
        : "";

    private static string Verdict(string what, double wanted, Spread? got) => string.Create(
        CultureInfo.InvariantCulture, $"{what} {wanted:0.00}: {(got?.Median >= wanted ? "reached" : "**missed**")}");
}
