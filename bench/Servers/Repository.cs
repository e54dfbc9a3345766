namespace Bulkhead.Bench.Servers;

/// <summary>The clone that this program belongs to, wherever it is started.</summary>
internal static class Repository
{
    /// <summary>As the launcher names it, or the nearest folder above the program with the solution in it.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("BULKHEAD_HOME") is { Length: > 0 } named
        ? named
        : Above(AppContext.BaseDirectory) ?? Environment.CurrentDirectory;

    private static string? Above(string? folder) =>
        folder is null || File.Exists(Path.Combine(folder, "Bulkhead.slnx")) ? folder : Above(Path.GetDirectoryName(folder));
}
