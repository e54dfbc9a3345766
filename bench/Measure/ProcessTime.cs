using System.Globalization;

namespace Bulkhead.Bench.Measure;

/// <summary>
/// CPU time (user and system) of processes, from <c>/proc/PID/stat</c> (proc(5)); steps of a clock tick, 10 ms. For a
/// PostgreSQL the whole tree counts: the postmaster, its living children, and through the postmaster's own account the
/// children that have ended.
/// </summary>
internal static class ProcessTime
{
    private const double SecondsPerTick = 0.01;

    public static double OfProcess(int pid) => Read(pid) is { } stat ? stat.Own * SecondsPerTick : 0;

    public static double OfTree(int pid)
    {
        if (Read(pid) is not { } root)
        {
            return 0;
        }

        var ticks = root.Own + root.EndedChildren;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var child)
                && Read(child) is { } stat && stat.Parent == pid)
            {
                ticks += stat.Own + stat.EndedChildren;
            }
        }

        return ticks * SecondsPerTick;
    }

    private static Stat? Read(int pid)
    {
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{pid}/stat");
        }
        catch (IOException)
        {
            return null;
        }

        // The second field is the program's name in parentheses and may hold anything; fields count from 3 behind it.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return new(
            int.Parse(fields[1], CultureInfo.InvariantCulture),
            Ticks(14) + Ticks(15),
            Ticks(16) + Ticks(17));

        long Ticks(int field) => long.Parse(fields[field - 3], CultureInfo.InvariantCulture);
    }

    private readonly record struct Stat(int Parent, long Own, long EndedChildren);
}
