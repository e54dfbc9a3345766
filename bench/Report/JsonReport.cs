using System.Text.Json;
using System.Text.Json.Serialization;
using Bulkhead.Bench.Measure;

namespace Bulkhead.Bench.Report;

/// <summary>The same figures, every slice of them, for programs.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Shape = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // A slice that is shorter than a clock tick of the CPU's account has no CPU, and its ratio no number.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static string Of(Surroundings surroundings, IReadOnlyList<Measured> all, IReadOnlyList<string> notes) =>
        JsonSerializer.Serialize(
            new
            {
                surroundings = surroundings.Lines,
                groups = all.Select(m => new
                {
                    title = m.Group.Title,
                    note = m.Group.Note,
                    variants = m.Group.Variants.Select(v => new
                    {
                        name = v.Name,
                        comparedWith = v.Base,
                        throughputRatio = m.Ratio(v, v.Base, s => s.PerSecond),
                        cpuRatio = m.Ratio(v, v.Base, s => 1 / s.Cpu),
                        secondBase = v.SecondBase,
                        secondCpuRatio = m.Ratio(v, v.SecondBase, s => 1 / s.Cpu),
                        throughputGoal = v.ThroughputGoal,
                        cpuGoal = v.CpuGoal,
                        perCore = m.Of(v, s => 1e6 / s.ServerCpu),
                        perCoreGoal = v.PerCoreGoal,
                        perSecondGoal = v.PerSecondGoal,
                        p99Goal = v.P99Goal,
                        callers = v.Callers,
                        slices = m.Slices[v.Name],
                    }),
                }),
                notes,
            },
            Shape);
}
