namespace Bulkhead.Host.Cli;

/// <summary>What a command's exit code says; documented in docs/cli.md.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Refused = 3;
    public const int NotReachable = 4;
    public const int PartlyDone = 5;

    /// <summary>As shells say of a program that Ctrl-C ended.</summary>
    public const int Interrupted = 130;
}
