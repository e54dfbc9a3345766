using System.Globalization;
using Spectre.Console;

namespace Bulkhead.Host.Import;

/// <summary>Shows how far the import is: bars on a terminal, else a line per file and every ten seconds.</summary>
internal static class ImportProgress
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(10);

    public static async Task<ImportSummary> ShowAsync(
        ImportRun run, bool onTerminal, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!onTerminal)
        {
            return await run.RunAsync(new Lines(Console.Error, time), cancellationToken);
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var bars = console.Progress().Columns(
            new TaskDescriptionColumn { Alignment = Justify.Left },
            new ProgressBarColumn(),
            new PercentageColumn(),
            new RemainingTimeColumn());
        return await bars.StartAsync(context => run.RunAsync(new Bars(context), cancellationToken));
    }

    /// <summary>Rows a second, and the time left if it goes on like this; null before anything was done.</summary>
    internal static (double Rate, TimeSpan? Left) Pace(ImportTick tick)
    {
        var seconds = Math.Max(tick.Elapsed.TotalSeconds, 0.001);
        var left = tick.Bytes > 0
            ? TimeSpan.FromSeconds(Math.Ceiling(seconds * Math.Max(0, tick.TotalBytes - tick.Bytes) / tick.Bytes))
            : (TimeSpan?)null;
        return (tick.Rows / seconds, left);
    }

    internal sealed class Lines(TextWriter writer, TimeProvider time) : IProgress<ImportTick>
    {
        private long _last = time.GetTimestamp();

        public void Report(ImportTick value)
        {
            if (!value.IsLast && time.GetElapsedTime(_last) < LineEvery)
            {
                return;
            }

            _last = time.GetTimestamp();
            var (rate, left) = Pace(value);
            var rejected = value.Rejected == 0 ? "" : string.Create(null, $", {value.Rejected} rejected");
            var rest = value.IsLast || left is null ? "" : string.Create(null, $", {left:c} left");
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{value.File}: {value.Rows} rows{rejected}, {rate:0} rows/s{rest}"));
        }
    }

    private sealed class Bars(ProgressContext context) : IProgress<ImportTick>
    {
        private readonly Dictionary<(string, string), ProgressTask> _tasks = [];

        public void Report(ImportTick value)
        {
            var key = (value.File, value.Into);
            if (!_tasks.TryGetValue(key, out var task))
            {
                var total = Math.Max(1, value.TotalBytes);
                task = _tasks[key] = context.AddTask(Markup.Escape(value.File), maxValue: total);
            }

            var rejected = value.Rejected == 0 ? "" : string.Create(null, $" [red]{value.Rejected} rejected[/]");
            task.Description = string.Create(
                CultureInfo.InvariantCulture,
                $"{Markup.Escape(value.File)}: {value.Rows} rows, {Pace(value).Rate:0} rows/s{rejected}");
            task.Value = value.IsLast ? task.MaxValue : value.Bytes;
        }
    }
}
