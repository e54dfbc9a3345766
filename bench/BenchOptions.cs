using System.CommandLine;

namespace Bulkhead.Bench;

/// <summary>What to measure and for how long.</summary>
/// <param name="Only">
/// Parts to run: <c>read</c>, <c>insert</c>, <c>audited</c>, <c>plan</c>, <c>http</c>, <c>sealing</c>, <c>envelope</c>,
/// <c>unwrap</c>, <c>rotation</c>, <c>proofs</c>, <c>search</c>, <c>audit</c>; empty for all.
/// </param>
/// <param name="Rounds">Slices of each variant, 1 to 1,000.</param>
/// <param name="Seconds">Length of a slice, 0.05 to 60.</param>
/// <param name="Concurrency">Callers at a time, 1 to 20 (the pool of the kernel has 24 backends).</param>
/// <param name="Tenants">Tenants in the shared unit, 1 to 2,000.</param>
/// <param name="Rows">
/// Rows of each of them; the tenants with a home of their own get as many as all of these together.
/// </param>
/// <param name="Rotated">Tenants whose keys are rotated, 1 to 10,000.</param>
/// <param name="Entries">Entries of the audit log that is searched, 1,000 to 100,000,000.</param>
internal sealed record BenchOptions(
    IReadOnlyList<string> Only,
    int Rounds,
    double Seconds,
    int Concurrency,
    int Tenants,
    int Rows,
    int Rotated,
    int Entries,
    bool Json,
    string? Results)
{
    private static readonly string[] KernelParts = ["read", "insert", "audited", "plan", "audit"];

    public static readonly string[] Parts = [.. KernelParts, "http", "sealing", "envelope", "unwrap", "rotation", "proofs", "search"];

    public bool Runs(string part) => Only.Count == 0 || Only.Contains(part);

    /// <summary>Whether anything is measured through the kernel's doors in this process.</summary>
    public bool RunsKernel => KernelParts.Any(Runs);

    /// <summary>Whether anything is measured on the host.</summary>
    public bool RunsHost => Runs("http") || Runs("sealing") || Runs("audit");

    /// <summary>Whether anything is measured on a token of an HSM.</summary>
    public bool RunsToken => Runs("unwrap") || Runs("rotation");

    /// <summary>Enough that the code of each variant is compiled at its last tier before anything counts.</summary>
    public double WarmUpSeconds => Math.Min(Seconds * 2, 3);

    public static RootCommand Command(Func<BenchOptions, CancellationToken, Task<int>> run)
    {
        var only = new Option<string[]>("--only")
        {
            Description = $"Parts to measure: {string.Join(", ", Parts)}; all without it. bench/README.md says what each is",
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong(Parts);
        var rounds = Number("--rounds", "Slices of each variant", 12, 1, 1_000);
        var concurrency = Number("--concurrency", "Callers at a time, except where a row of 'audit' says its own", 8, 1, 20);
        var tenants = Number("--tenants", "Tenants in the shared tables", 200, 1, 2_000);
        var rows = Number("--rows", "Rows of each tenant in the shared tables", 500, 1, 100_000);
        var rotated = Number("--rotated", "Tenants whose keys are rotated", 1_000, 1, 10_000);
        var entries = Number("--entries", "Entries of the audit log that is searched", 10_000_000, 1_000, 100_000_000);
        var seconds = new Option<double>("--seconds")
        {
            Description = "Length of a slice",
            DefaultValueFactory = _ => 1.5,
        };
        seconds.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<double>() is < 0.05 or > 60)
            {
                r.AddError("--seconds is 0.05 to 60");
            }
        });
        var quick = new Option<bool>("--quick")
        {
            Description = "Only shows that everything runs: tiny data, one short round, no report",
        };
        var json = new Option<bool>("--json") { Description = "The figures as JSON on stdout instead of Markdown" };
        var results = new Option<string?>("--results") { Description = "Folder for the report; bench/results where there is one" };
        var command = new RootCommand("Measures Bulkhead beside plain Npgsql and a bare ASP.NET Core endpoint, interleaved, in one run.")
        {
            only, rounds, seconds, concurrency, tenants, rows, rotated, entries, quick, json, results,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            var options = new BenchOptions(
                parsed.GetValue(only) ?? [],
                parsed.GetValue(rounds),
                parsed.GetValue(seconds),
                parsed.GetValue(concurrency),
                parsed.GetValue(tenants),
                parsed.GetValue(rows),
                parsed.GetValue(rotated),
                parsed.GetValue(entries),
                parsed.GetValue(json),
                parsed.GetValue(results));
            return run(parsed.GetValue(quick) ? options.Quick() : options, cancellationToken);
        });
        return command;
    }

    private BenchOptions Quick() =>
        this with { Rounds = 1, Seconds = 0.1, Concurrency = 2, Tenants = 2, Rows = 30, Rotated = 20, Entries = 20_000, Results = "" };

    private static Option<int> Number(string name, string description, int value, int least, int most)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(r =>
        {
            var given = r.GetValueOrDefault<int>();
            if (given < least || given > most)
            {
                r.AddError($"{name} is {least} to {most}");
            }
        });
        return option;
    }
}
