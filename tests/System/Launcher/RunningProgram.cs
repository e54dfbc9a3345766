using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>What a newcomer gets: <c>./bulkhead up</c> in a folder of its own, started by the launcher, until it says <c>ready</c>.</summary>
public sealed class RunningProgram : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly StringBuilder _output = new();
    private Process? _up;

    public static string Root { get; } = FindRoot();

    public string Data { get; } = Path.Combine(Path.GetTempPath(), "bh-up-" + Guid.NewGuid().ToString("N")[..8]);

    public int Port { get; } = FreePort();

    public string Url => $"http://localhost:{Port}";

    public int ProcessId => _up!.Id;

    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public JsonElement DevFile => JsonDocument.Parse(File.ReadAllText(Path.Combine(Data, "dev.json"))).RootElement;

    public Task InitializeAsync() => StartAsync();

    public async Task DisposeAsync()
    {
        await StopAsync();
        if (Directory.Exists(Data))
        {
            await ShellAsync($"./bulkhead reset --yes --data {Data}");
        }
    }

    public void Dispose() => _up?.Dispose();

    public async Task StartAsync()
    {
        lock (_output)
        {
            _output.Clear();
        }

        _up = Process.Start(Launcher($"exec ./bulkhead up --port {Port} --data {Data}"))!;
        var ready = new TaskCompletionSource();
        void Take(object sender, DataReceivedEventArgs line)
        {
            lock (_output)
            {
                _output.AppendLine(line.Data);
            }

            // The line goes first, then the table and the examples.
            if (line.Data?.StartsWith("curl ", StringComparison.Ordinal) == true && Output.Split("\ncurl ").Length == 4)
            {
                ready.TrySetResult();
            }
        }

        _up.OutputDataReceived += Take;
        _up.ErrorDataReceived += Take;
        _up.BeginOutputReadLine();
        _up.BeginErrorReadLine();
        var ended = _up.WaitForExitAsync();
        if (await Task.WhenAny(ready.Task, ended, Task.Delay(Patience)) != ready.Task)
        {
            throw new InvalidOperationException($"up did not become ready:\n{Output}");
        }
    }

    /// <summary>SIGTERM, as a service manager does it; gives the exit code.</summary>
    public async Task<int> StopAsync()
    {
        if (_up is null || _up.HasExited)
        {
            return _up?.ExitCode ?? 0;
        }

        await ShellAsync($"kill -TERM {_up.Id}");
        await _up.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return _up.ExitCode;
    }

    public async Task KilledAsync() => await _up!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));

    public static async Task<(int Code, string Out, string Error)> ShellAsync(string script)
    {
        using var shell = Process.Start(Launcher(script))!;
        var output = shell.StandardOutput.ReadToEndAsync();
        var error = shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync().WaitAsync(Patience);
        return (shell.ExitCode, await output, await error);
    }

    private static ProcessStartInfo Launcher(string script) => new("bash", ["-euo", "pipefail", "-c", script])
    {
        WorkingDirectory = Root,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Bulkhead.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The repository's root was not found.");
        }

        return folder;
    }
}
