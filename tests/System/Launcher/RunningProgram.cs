using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>What a newcomer gets: <c>./bulkhead up</c> in a folder of its own, started by the launcher, until it says <c>ready</c>.</summary>
public class RunningProgram : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly string _options;
    private readonly StringBuilder _output = new();
    private Process? _up;

    public RunningProgram()
        : this("")
    {
    }

    protected RunningProgram(string options) => _options = options;

    public static string Root { get; } = FindRoot();

    public string Data { get; } = Path.Combine(Path.GetTempPath(), "bh-up-" + Guid.NewGuid().ToString("N")[..8]);

    public int Port { get; } = FreePort.Take();

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

    public virtual Task InitializeAsync() => StartAsync();

    public async Task DisposeAsync()
    {
        await StopAsync();
        if (Directory.Exists(Data))
        {
            await ShellAsync($"./bulkhead reset --yes --data {Data}");
        }
    }

    public void Dispose()
    {
        _up?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <param name="options">Besides those that every start has.</param>
    /// <param name="environment">Variables for this start, as a shell takes them before a command.</param>
    public async Task StartAsync(string options = "", string environment = "")
    {
        lock (_output)
        {
            _output.Clear();
        }

        _up?.Dispose();
        _up = Process.Start(Launcher($"{environment} exec ./bulkhead up --port {Port} --data {Data} {_options} {options}"))!;
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
