using System.Diagnostics;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>A test of what the docs do in Python; reported as skipped where Python, or the module it needs, is not there.</summary>
public sealed class PythonFactAttribute : FactAttribute
{
    public PythonFactAttribute(string module)
    {
        Module = module;
        if (!IsThere(module))
        {
            Skip = $"There is no python3 with the module {module} here.";
        }
    }

    public string Module { get; }

    private static bool IsThere(string module)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-c", $"python3 -c 'import {module}' >/dev/null 2>&1"]))!;
        shell.WaitForExit();
        return shell.ExitCode == 0;
    }
}
