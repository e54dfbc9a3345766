using System.Globalization;
using System.Text.RegularExpressions;

namespace Bulkhead.Host.Local;

/// <summary>PostgreSQL's programs as installed on this machine.</summary>
internal sealed partial record PostgresBinaries(string Folder, int Major, string Version)
{
    /// <summary>Row-level security as we need it, and security_barrier fixes, begin with this version.</summary>
    public const int OldestMajor = 15;

    public string this[string program] => Path.Combine(Folder, program);

    /// <param name="major">The version that an existing database was made with, and only that one opens it; null: the newest.</param>
    public static async Task<PostgresBinaries> FindAsync(int? major, CancellationToken cancellationToken)
    {
        var found = new List<PostgresBinaries>();
        foreach (var folder in Candidates())
        {
            var result = await ChildProcess.RunAsync(
                Path.Combine(folder, "postgres"), ["--version"], null, TimeSpan.FromSeconds(10), cancellationToken);
            if (result.Succeeded && Parse(result.Output) is { } version)
            {
                found.Add(new PostgresBinaries(folder, version.Major, version.Text));
            }
        }

        return Choose(found, major);
    }

    internal static PostgresBinaries Choose(IReadOnlyCollection<PostgresBinaries> found, int? major)
    {
        if (major is not null)
        {
            return found.FirstOrDefault(binaries => binaries.Major == major) ?? throw new StartFault(
                string.Create(CultureInfo.InvariantCulture, $"The database was made by PostgreSQL {major}, which is not installed any more: ") +
                string.Create(CultureInfo.InvariantCulture, $"install postgresql-{major}, or start over with ./bulkhead reset"));
        }

        var newest = found.MaxBy(binaries => binaries.Major) ?? throw new StartFault(
            "PostgreSQL is missing: install version 15 or newer (apt-get install postgresql), or set BULKHEAD_DATABASE");
        return newest.Major >= OldestMajor ? newest : throw new StartFault(
            $"PostgreSQL {newest.Version} in {newest.Folder} is too old: install version 15 or newer (https://www.postgresql.org/download/)");
    }

    /// <summary>Reads <c>postgres (PostgreSQL) 15.18 (Debian …)</c>, betas and release candidates too.</summary>
    internal static (int Major, string Text)? Parse(string output)
    {
        var match = VersionPattern().Match(output);
        return match.Success
            ? (int.Parse(match.Groups["major"].ValueSpan, CultureInfo.InvariantCulture), match.Groups["text"].Value)
            : null;
    }

    private static IEnumerable<string> Candidates()
    {
        const string debian = "/usr/lib/postgresql";
        IEnumerable<string> folders = Directory.Exists(debian)
            ? Directory.EnumerateDirectories(debian).Select(folder => Path.Combine(folder, "bin"))
            : [];
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        return folders
            .Concat(path.Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Where(folder => File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb")))
            .Distinct(StringComparer.Ordinal);
    }

    [GeneratedRegex(@"\(PostgreSQL\) (?<text>(?<major>\d{1,3})\S*)", RegexOptions.CultureInvariant)]
    private static partial Regex VersionPattern();
}
