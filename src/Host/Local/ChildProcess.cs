using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Bulkhead.Host.Local;

internal sealed record ChildResult(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The line that says most about a failure: the last one with text.</summary>
    public string LastLine =>
        Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ??
        string.Create(CultureInfo.InvariantCulture, $"exit code {ExitCode}");
}

/// <summary>Runs a program of the machine to its end, bounded in time, with an environment of its own.</summary>
internal static class ChildProcess
{
    /// <param name="user">Runs under that user; only root may. Null: ourselves.</param>
    /// <param name="variables">What its environment holds besides the path and the language.</param>
    public static async Task<ChildResult> RunAsync(
        string file, IEnumerable<string> arguments, string? user, TimeSpan timeout, CancellationToken cancellationToken,
        params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            // Our own folder may be closed to that user, and programs complain when they cannot go back to it.
            WorkingDirectory = "/",
        };
        if (user is not null)
        {
            start.UserName = user;
        }

        // PGDATA, PGOPTIONS and their like in our environment must not lead to another server; messages are read in English.
        var path = Environment.GetEnvironmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment.Clear();
        start.Environment["PATH"] = path;
        start.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = new Process { StartInfo = start };
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            throw new StartFault($"{file} could not be started: {exception.Message}", exception);
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            return new ChildResult(-1, $"{file} did not end within {timeout.TotalSeconds:0} s");
        }

        lock (output)
        {
            return new ChildResult(process.ExitCode, output.ToString());
        }
    }

    private static void Append(StringBuilder output, string? line)
    {
        lock (output)
        {
            if (line is not null && output.Length < 64 * 1024)
            {
                output.Append(line).Append('\n');
            }
        }
    }
}
