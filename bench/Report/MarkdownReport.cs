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
                + "more than 1 is better than the base, also for CPU (base's CPU per operation divided by this one's). CPU is user and "
                + "system time per operation, of the program and of the whole PostgreSQL, background processes included.");
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
                text.Append(CultureInfo.InvariantCulture, $" {Figure(measured.Of(variant, figure).Median)} |");
            }

            var throughput = measured.Ratio(variant, variant.Base, s => s.PerSecond);
            var cpu = measured.Ratio(variant, variant.Base, s => 1 / s.Cpu);
            var perCore = measured.Of(variant, s => 1e6 / s.ServerCpu);
            text.Append(CultureInfo.InvariantCulture, $" {Ratio(throughput)} | {Ratio(cpu)} |");
            if (second is not null)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Ratio(measured.Ratio(variant, variant.SecondBase, s => 1 / s.Cpu))} |");
            }

            var wait = measured.Of(variant, s => s.P99 / 1000);
            text.Append(
                CultureInfo.InvariantCulture,
                $" {Goal(variant, throughput, cpu, perCore, measured.Of(variant, s => s.PerSecond), wait)} |").AppendLine();
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

    // A microsecond more or less is much where there are few.
    private static string Figure(double value) => value.ToString(value < 100 ? "0.##" : "0", CultureInfo.InvariantCulture);

    private static string Goal(Variant variant, Spread? throughput, Spread? cpu, Spread perCore, Spread perSecond, Spread p99)
    {
        var verdicts = new List<string>();
        if (variant.ThroughputGoal is { } wanted)
        {
            verdicts.Add(Verdict("throughput", wanted, throughput));
        }

        if (variant.CpuGoal is { } wantedCpu)
        {
            verdicts.Add(Verdict("CPU", wantedCpu, cpu));
        }

        if (variant.PerCoreGoal is { } wantedPerCore)
        {
            verdicts.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"{wantedPerCore:0} in a core's second: {Word(perCore.Median >= wantedPerCore)} ({perCore.Median:0})"));
        }

        if (variant.PerSecondGoal is { } wantedPerSecond)
        {
            verdicts.Add(string.Create(
                CultureInfo.InvariantCulture, $"{wantedPerSecond:0} per s: {Word(perSecond.Median >= wantedPerSecond)}"));
        }

        if (variant.P99Goal is { } wantedP99)
        {
            verdicts.Add(string.Create(CultureInfo.InvariantCulture, $"p99 below {wantedP99:0} ms: {Word(p99.Median < wantedP99)}"));
        }

        return string.Join("; ", verdicts);
    }

    private static string Verdict(string what, double wanted, Spread? got) => string.Create(
        CultureInfo.InvariantCulture, $"{what} {wanted:0.00}: {Word(got?.Median >= wanted)}");

    private static string Word(bool reached) => reached ? "reached" : "**missed**";
}
