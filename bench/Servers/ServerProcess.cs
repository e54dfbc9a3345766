using System.Diagnostics;

namespace Bulkhead.Bench.Servers;

/// <summary>A server in a process of its own, so that its CPU time is its own.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process, string ready)
    {
        _process = process;
        Ready = ready;
    }

    public int Id => _process.Id;

    /// <summary>The line by which it said that it serves.</summary>
    public string Ready { get; }

    /// <exception cref="InvalidOperationException">
    /// It ended, or did not serve within the time; with the last that it wrote.
    /// </exception>
    public static async Task<ServerProcess> StartAsync(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        Predicate<string> isReady,
        TimeSpan patience,
        CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new Queue<string>();
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new ServerProcess(process, "");
        try
        {
            var ended = process.WaitForExitAsync(cancellationToken);
            var first = await Task.WhenAny(ready.Task, ended).WaitAsync(patience, cancellationToken);
            return first == ready.Task
                ? new(process, await ready.Task)
                : throw new InvalidOperationException($"{program} ended: {Said()}");
        }
        catch (TimeoutException)
        {
            await server.DisposeAsync();
            throw new InvalidOperationException($"{program} did not serve within {patience.TotalSeconds:0} s: {Said()}");
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        void Hear(string? line)
        {
            if (line is null)
            {
                return;
            }

            lock (said)
            {
                said.Enqueue(line);
                if (said.Count > 20)
                {
                    said.Dequeue();
                }
            }

            if (isReady(line))
            {
                ready.TrySetResult(line);
            }
        }

        string Said()
        {
            lock (said)
            {
                return string.Join('\n', said);
            }
        }
    }

    /// <summary>Asks it to end, and waits; ends it when it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            await Programs.RunAsync("kill", ["-TERM", $"{_process.Id}"], CancellationToken.None);
            try
            {
                await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
            }
            catch (TimeoutException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync();
            }
        }

        _process.Dispose();
    }
}
