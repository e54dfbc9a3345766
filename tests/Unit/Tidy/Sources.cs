namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>The files of the repository, without what is built.</summary>
internal static class Sources
{
    private static readonly string[] Skipped = ["artifacts", "bin", "obj", "node_modules", ".git", ".bulkhead"];

    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<string> All { get; } = [.. Under(Root)];

    public static IEnumerable<string> CSharp => All.Where(f => f.EndsWith(".cs", StringComparison.Ordinal));

    public static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    /// <summary>Lines of a committed list, without comments.</summary>
    public static IReadOnlyList<string> List(string relative) =>
    [
        .. File.ReadAllLines(Path.Combine(Root, relative))
            .Select(l => l.Split('#')[0].Trim())
            .Where(l => l.Length > 0),
    ];

    private static IEnumerable<string> Under(string folder)
    {
        foreach (var file in Directory.GetFiles(folder))
        {
            yield return file;
        }

        foreach (var inner in Directory.GetDirectories(folder).Where(d => !Skipped.Contains(Path.GetFileName(d))))
        {
            foreach (var file in Under(inner))
            {
                yield return file;
            }
        }
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Bulkhead.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run outside of the repository.");
    }
}
