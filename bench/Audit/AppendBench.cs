using System.Globalization;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Bench.Audit;

/// <summary>Entries that are durable, by how many wait for one commit and how many callers there are.</summary>
internal static class AppendBench
{
    private const double PerSecondGoal = 25_000;
    private const double P99Goal = 100;
    private static readonly int[] Callers = [1, 64, 256];
    private static readonly (int Entries, int Callers)[] Batches = [(64, 1), (64, 8), (1_024, 1), (1_024, 4)];

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        Installation installation, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var plain = new PlainEntries(installation);
        plain.RequireSameBytes();
        var kernel = new KernelEntries(installation);
        var durability = await DurabilityAsync(installation, cancellationToken);
        var pool = string.Create(
            CultureInfo.InvariantCulture,
            $" Through a pool of {installation.Options.CellPoolSize} backends on both sides, whose turn the callers beyond them wait for. "
            + $"The server said: {durability}. No sealer runs beside it (see “Time to checkpoint”); both tables are empty at the "
            + $"beginning of a round.");
        Group[] groups =
        [
            new(
                "Audit log, one entry a transaction",
                "An entry that is recorded alone, and what it waits for its commit; into the logs of the shared tenants. Plain: the same "
                + "bytes into a table with a primary key and no other index, without policy." + pool,
                [.. Callers.SelectMany(callers => Rows(plain, kernel, 1, callers))]),
            new(
                "Audit log, batches",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Entries that are recorded by one work, in one transaction; a time is what the whole batch waits for its commit. "
                    + $"Plain: one statement for all. Reach: {PerSecondGoal:N0} a second with batches under concurrency, p99 below "
                    + $"{P99Goal} ms.") + pool,
                [.. Batches.SelectMany(batch => Rows(plain, kernel, batch.Entries, batch.Callers))]),
        ];
        var polling = installation.Polling;
        await polling.StartAsync(cancellationToken);
        try
        {
            var measured = new List<Measured>();
            foreach (var group in groups)
            {
                measured.Add(await Interleaved.RunAsync(
                    group,
                    options,
                    installation.Postgres.Postmaster,
                    progress,
                    cancellationToken,
                    () => EmptyAsync(installation, cancellationToken)));
            }

            return measured;
        }
        finally
        {
            await polling.StopAsync(CancellationToken.None);
        }
    }

    /// <summary>As the sessions of the kernel's pool have it: they bring settings of their own.</summary>
    private static async Task<string> DurabilityAsync(Installation installation, CancellationToken cancellationToken)
    {
        var unit = installation.Tenants[IsolationKind.Shared][0].Tenant.Placement.Unit;
        await using var lease = await installation.Pools.OpenAsync(unit, cancellationToken);
        return await Durability.OfAsync(lease.Connection, cancellationToken);
    }

    private static IEnumerable<Variant> Rows(PlainEntries plain, KernelEntries kernel, int entries, int callers)
    {
        var what = (entries == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {entries:N0} entries"))
            + string.Create(CultureInfo.InvariantCulture, $", {callers} {(callers == 1 ? "caller" : "callers")}");
        var isReach = entries > 1 && callers > 1;
        yield return Of("plain Npgsql" + what, null, (dice, stop) => plain.InsertAsync(entries, dice, stop));
        yield return Of("Bulkhead" + what, "plain Npgsql" + what, Kernel(commits: false)) with
        {
            PerSecondGoal = isReach ? PerSecondGoal : null,
            P99Goal = isReach ? P99Goal : null,
        };
        yield return Of("Bulkhead, with a commitment each" + what, "Bulkhead" + what, Kernel(commits: true));

        Func<Dice, CancellationToken, Task> Kernel(bool commits) => (dice, stop) => kernel.AppendAsync(entries, commits, dice, stop);

        Variant Of(string name, string? comparedWith, Func<Dice, CancellationToken, Task> once) => new(
            name, comparedWith, new CallLoad(once, entries), () => ProcessTime.OfProcess(Environment.ProcessId), InProcess: true)
        {
            Callers = callers,
        };
    }

    /// <summary>No variant works on a larger table than the others, and no checkpoint of the one before falls into a slice.</summary>
    private static async Task EmptyAsync(Installation installation, CancellationToken cancellationToken)
    {
        var unit = installation.Tenants[IsolationKind.Shared][0].Tenant.Placement.Unit;
        await using (var home = await installation.Postgres.OpenAsync(unit.Database, cancellationToken))
        {
            var core = unit.CoreSchema.Quoted;
            await home.RunAsync($"truncate {core}.audit_entry, {core}.audit_opening", cancellationToken);
            await home.RunAsync("checkpoint", cancellationToken);
        }

        await using var plain = await installation.Postgres.OpenAsync(Installation.PlainDatabase, cancellationToken);
        await plain.RunAsync("truncate public.audit_entry", cancellationToken);
    }
}
