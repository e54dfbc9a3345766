using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Bulkhead.Host.Local;

/// <summary>Shows what is being done: a moving line per step on a terminal, a plain line elsewhere. On stderr, so that stdout holds data only.</summary>
internal sealed class Steps
{
    private readonly IAnsiConsole? _terminal = Console.IsErrorRedirected
        ? null
        : AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    public async Task<T> RunAsync<T>(string title, Func<IProgress<string>, Task<T>> step)
    {
        var since = Stopwatch.GetTimestamp();
        if (_terminal is null)
        {
            Say(title + " …");
            return await step(new Line(Say));
        }

        T result = default!;
        await _terminal.Status().Spinner(Spinner.Known.Dots).StartAsync(Markup.Escape(title), async status =>
            result = await step(new Line(text =>
            {
                var seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
                status.Status(Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"{title}: {text} ({seconds:0} s)")));
            })));
        var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
        _terminal.MarkupLine(string.Create(CultureInfo.InvariantCulture, $"[green]✓[/] {Markup.Escape(title)} [grey]{took:0.0} s[/]"));
        return result;
    }

    public Task RunAsync(string title, Func<IProgress<string>, Task> step) => RunAsync(title, async progress =>
    {
        await step(progress);
        return true;
    });

    public void Say(string line)
    {
        if (_terminal is null)
        {
            Console.Error.WriteLine(line);
        }
        else
        {
            _terminal.WriteLine(line);
        }
    }

    // Progress<T> would report from the thread pool, out of order.
    private sealed class Line(Action<string> say) : IProgress<string>
    {
        public void Report(string value) => say(value);
    }
}
