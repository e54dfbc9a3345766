using System.Diagnostics;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Roles;

/// <summary>The program as <c>up --role worker</c>, in a process of its own: it can be killed.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private WorkerProcess(Process process, Uri url)
    {
        _process = process;
        Url = url;
    }

    public Uri Url { get; }

    /// <param name="data">Folder with the installation's keys.</param>
    /// <param name="app">The app's credential.</param>
    public static async Task<WorkerProcess> StartAsync(string data, string app)
    {
        var process = Process.Start(Command(data, app, "--role", "worker", "--port", "0"))!;
        // Read on, or a full pipe would stop it.
        var error = process.StandardError.ReadToEndAsync();
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        if (line?.StartsWith("ready ", StringComparison.Ordinal) != true)
        {
            process.Kill();
            process.Dispose();
            throw new InvalidOperationException($"The worker did not start: {line} {await error}");
        }

        return new(process, new Uri(line["ready ".Length..]));
    }

    /// <summary>A start that is to be refused.</summary>
    public static async Task<(int Code, string Error)> RefusedAsync(string data, string? app, string? role, string? variable = null)
    {
        var command = Command(data, app, role is null ? [] : ["--role", role]);
        command.Environment["BULKHEAD_ROLE"] = variable;
        using var process = Process.Start(command)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>kill -9.</summary>
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
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static ProcessStartInfo Command(string data, string? app, params string[] arguments)
    {
        var program = Environment.GetEnvironmentVariable("BULKHEAD_PROGRAM") is { Length: > 0 } built
            ? built
            : Path.Combine(AppContext.BaseDirectory, "bulkhead");
        return new(program, ["up", "--data", data, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                ["BULKHEAD_DATABASE"] = app, ["BULKHEAD_DEPLOY_DATABASE"] = null,
                // It begins faster.
                ["DOTNET_TieredPGO"] = "0",
            },
        };
    }
}
