using System.Diagnostics;

namespace Bulkhead.Host.Cli;

/// <summary>Runs <c>bulkhead-verify</c>, a program of its own, as whoever trusts nothing of this one would.</summary>
internal static class VerifierProcess
{
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "verify", "bulkhead-verify.dll");
        if (!File.Exists(program))
        {
            throw new ApiFault(ExitCode.Failed, [$"bulkhead-verify is not beside the program. Next step: dotnet publish verify -o {Path.GetDirectoryName(program)}"]);
        }

        var start = new ProcessStartInfo(Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet");
        start.ArgumentList.Add(program);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }
}
