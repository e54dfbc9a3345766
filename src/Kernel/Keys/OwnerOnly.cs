using System.Globalization;
using System.Runtime.InteropServices;

namespace Bulkhead.Kernel.Keys;

/// <summary>Where roots lie is this user's alone: who may write there may put other roots, who may read there has these.</summary>
internal static class OwnerOnly
{
    private const int CurrentFolder = -100;
    private const uint OwnerAndMode = 0x1 | 0x2 | 0x8;
    private const int Others = 0x3F;

    // struct statx has one layout on every Linux, which struct stat has not.
    private const int Length = 256;
    private const int OwnerPlace = 20;
    private const int ModePlace = 28;

    /// <summary>Gives a file one more name, at once and only where nothing has it; false when something does, or it cannot be.</summary>
    public static bool TryName(string file, string name) => link(file, name) == 0;

    /// <param name="mode">What to give the path when others may touch it, as chmod takes it.</param>
    /// <exception cref="KeyStoreFault">Misconfigured: it is another user's, or open to others.</exception>
    public static void Require(string path, string mode)
    {
        var state = new byte[Length];
        if (statx(CurrentFolder, path, 0, OwnerAndMode, state) != 0)
        {
            throw Fault($"The owner of {path} cannot be read (errno {Marshal.GetLastPInvokeError()})");
        }

        var owner = MemoryMarshal.Read<uint>(state.AsSpan(OwnerPlace));
        var user = geteuid();
        if (owner != user)
        {
            throw Fault(string.Create(
                CultureInfo.InvariantCulture, $"{path} is another user's than the program's. Next step: chown {user} {path}"));
        }

        if ((MemoryMarshal.Read<ushort>(state.AsSpan(ModePlace)) & Others) != 0)
        {
            throw Fault($"{path} is open to others than its owner. Next step: chmod {mode} {path}");
        }
    }

    private static KeyStoreFault Fault(string message) => new(KeyStoreFaultKind.Misconfigured, message);

    [DllImport("libc", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(
        int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] state);

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint geteuid();

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int link(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string existing, [MarshalAs(UnmanagedType.LPUTF8Str)] string name);
}
