namespace Bulkhead.Host.Local;

/// <summary>Why the program cannot go on, in one line for the person at the keyboard: what is wrong, and the next step.</summary>
internal sealed class StartFault(string line, Exception? inner = null) : Exception(line, inner)
{
    /// <summary>The line for a fault of the machine (disk, permissions); null where it is none, but a bug.</summary>
    public static string? LineFor(Exception exception) => exception switch
    {
        StartFault => exception.Message,
        UnauthorizedAccessException =>
            $"No permission: {exception.Message} Start as the user that owns the files, or choose another folder with --data.",
        IOException io when IsDiskFull(io) => $"The disk is full: {io.Message} Free some space and start again.",
        DirectoryNotFoundException => $"{exception.Message} Make the folder first, or name another.",
        IOException => $"{exception.Message} Check the disk, or choose another folder with --data.",
        _ => null,
    };

    // ENOSPC (28) and EDQUOT (122) reach .NET as the HResult.
    private static bool IsDiskFull(IOException exception) =>
        (exception.HResult & 0xFFFF) is 28 or 122 || SaysDiskFull(exception.Message);

    public static bool SaysDiskFull(string text) => text.Contains("No space left on device", StringComparison.Ordinal);
}
