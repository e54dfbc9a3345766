using System.Globalization;
using System.Runtime.InteropServices;

namespace Bulkhead.Host.Local;

/// <summary>What .NET does not offer of processes on Unix.</summary>
internal static class Posix
{
    public const int Terminate = 15;
    public const int Kill = 9;

    /// <summary>The user under whose rights this process acts.</summary>
    public static uint EffectiveUser => geteuid();

    /// <summary>In the environment that C libraries of this process read; .NET's own is a copy of it.</summary>
    public static void SetEnvironment(string name, string value)
    {
        if (setenv(name, value, 1) != 0)
        {
            throw new StartFault($"The environment does not take {name}: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>False when the process is gone, or is not ours to signal.</summary>
    public static bool Signal(int pid, int signal) => pid > 1 && kill(pid, signal) == 0;

    /// <summary>A process that has ended but was not collected by its parent counts as ended.</summary>
    public static bool IsAlive(int pid)
    {
        try
        {
            // "pid (name) S …": the name may hold anything, its closing parenthesis is the last one.
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Processes whose working folder is this one: all of a PostgreSQL server, since each changes to its data folder.</summary>
    public static List<int> WorkingIn(string folder)
    {
        var found = new List<int>();
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(entry), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
            {
                continue;
            }

            try
            {
                if (new FileInfo($"{entry}/cwd").LinkTarget == folder &&
                    Path.GetFileName(new FileInfo($"{entry}/exe").LinkTarget) == "postgres")
                {
                    found.Add(pid);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Gone meanwhile, or another user's: not ours in both cases.
            }
        }

        return found;
    }

    [DllImport("libc", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int kill(int pid, int signal);

    [DllImport("libc", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setenv(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint geteuid();
}
