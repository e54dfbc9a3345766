using System.Runtime.InteropServices;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>Small files, for their owner only, that are there whole or as they were before, also after the power failed.</summary>
public static partial class DurableFile
{
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // O_RDONLY with O_CLOEXEC.
    private const int ReadOnlyCloseOnExec = 0x80000;

    /// <summary>When it returns, the content is on the disk, and so is the file's name.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var fresh = path + ".new";
        // What a killed process left: callers hold a lock that says that no living one writes it.
        File.Delete(fresh);
        using (var file = new FileStream(fresh, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
        }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, path, overwrite: true);
        FlushFolder(Path.GetDirectoryName(path)!);
    }

    // A rename lasts once its folder is on the disk; .NET opens no folders.
    public static void FlushFolder(string folder)
    {
        var descriptor = open(folder, ReadOnlyCloseOnExec);
        var isFlushed = descriptor >= 0 && fsync(descriptor) == 0;
        var fault = isFlushed ? 0 : Marshal.GetLastPInvokeError();
        if (descriptor >= 0)
        {
            _ = close(descriptor);
        }

        if (!isFlushed)
        {
            throw new IOException($"The folder {folder} could not be written to the disk: errno {fault}.");
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int close(int descriptor);
}
