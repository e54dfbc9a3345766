using System.Diagnostics;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Witnessing;

/// <summary>The program as <c>witness</c>, in a process of its own: it can be killed.</summary>
internal sealed class WitnessProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private WitnessProcess(Process process, IReadOnlyList<string> vkeys, Uri url)
    {
        _process = process;
        Vkeys = vkeys;
        Url = url;
        Http = new() { BaseAddress = url, Timeout = Patience };
    }

    /// <summary>As it prints them, that of Ed25519 first.</summary>
    public IReadOnlyList<string> Vkeys { get; }

    public Uri Url { get; }

    public HttpClient Http { get; }

    public static async Task<WitnessProcess> StartAsync(string state, string name, params string[] logs)
    {
        var process = Process.Start(Command(state, name, logs))!;
        var lines = new List<string>();
        while (await process.StandardOutput.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            if (line.StartsWith("http", StringComparison.Ordinal))
            {
                // Read on, or a full pipe would stop it.
                process.BeginErrorReadLine();
                return new(process, lines, new Uri(line));
            }

            lines.Add(line);
        }

        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        var code = process.ExitCode;
        process.Dispose();
        throw new InvalidOperationException($"The witness did not start ({code}): {error}");
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>SIGTERM, as whoever runs it ends it.</summary>
    public async Task<int> StopAsync()
    {
        await RunningProgram.ShellAsync($"kill -TERM {_process.Id}");
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        Http.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static ProcessStartInfo Command(string state, string name, string[] logs)
    {
        var program = Environment.GetEnvironmentVariable("BULKHEAD_PROGRAM") is { Length: > 0 } built
            ? built
            : Path.Combine(AppContext.BaseDirectory, "bulkhead");
        return new(program, ["witness", "--port", "0", "--state", state, "--name", name, .. logs.SelectMany(log => (string[])["--log", log])])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
