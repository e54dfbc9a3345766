namespace Bulkhead.Kernel.Tenancy;

/// <summary>How a tenant's rows are kept apart: rows in shared tables, a schema of its own, a database of its own.</summary>
public enum IsolationKind
{
    Shared,
    Schema,
    Database,
}

public static class IsolationKinds
{
    /// <summary>The word used in the API, the CLI and the catalogue.</summary>
    public static string Word(this IsolationKind kind) => kind switch
    {
        IsolationKind.Shared => "shared",
        IsolationKind.Schema => "schema",
        IsolationKind.Database => "database",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    public static bool TryParse(string? word, out IsolationKind kind)
    {
        (var known, kind) = word switch
        {
            "shared" => (true, IsolationKind.Shared),
            "schema" => (true, IsolationKind.Schema),
            "database" => (true, IsolationKind.Database),
            _ => (false, default),
        };
        return known;
    }
}
