using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>The kernel's doors beside plain Npgsql, in this process.</summary>
internal static class KernelBench
{
    private const string Plain = "plain Npgsql, WHERE tenant_id";
    private const string SmallPlain = "plain, a pool as small as a database tenant's";
    private static readonly IsolationKind[] Isolations = [IsolationKind.Shared, IsolationKind.Schema, IsolationKind.Database];

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        Installation installation, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var plain = new PlainCalls(installation);
        var kernel = Isolations.ToDictionary(i => i, i => new KernelCalls(installation, i));
        var measured = new List<Measured>();
        foreach (var (part, group) in Groups(plain, kernel))
        {
            if (options.Runs(part))
            {
                measured.Add(await Interleaved.RunAsync(
                    group, options, installation.Postgres.Postmaster, progress, cancellationToken));
            }
        }

        return measured;
    }

    private static IEnumerable<(string Part, Group Group)> Groups(PlainCalls plain, Dictionary<IsolationKind, KernelCalls> kernel)
    {
        yield return ("read", new(
            "Point read",
            "One row of 14 columns by its id, every column read. The goal is 0.70 of plain by throughput; "
            + "a tenant with its own database has a pool of 4 and is compared with plain through such a pool.",
            [
                Call(Plain, null, plain.ReadAsync),
                Call(SmallPlain, Plain, plain.ReadThroughSmallPoolAsync),
                .. Isolations.Select(i => Call(
                    $"Bulkhead, {i.Word()}",
                    i == IsolationKind.Database ? SmallPlain : Plain,
                    kernel[i].ReadAsync) with { ThroughputGoal = 0.70 }),
                Call("plain, no reset of the session", Plain, plain.ReadWithoutResetAsync),
                Call("plain, with a set_config in its batch", Plain, plain.ReadAfterSettingAsync),
                .. Isolations.Select(i => Call(
                    $"by hand on Bulkhead's tables, {i.Word()}", Plain, (dice, stop) => plain.ReadProtectedAsync(i, dice, stop))),
                Call(
                    "by hand, shared, reset by prepared statements in the batch",
                    Plain,
                    (dice, stop) => plain.ReadProtectedAfterResetAsync(apart: false, dice, stop)),
                Call(
                    "by hand, shared, the same in a transaction of its own",
                    Plain,
                    (dice, stop) => plain.ReadProtectedAfterResetAsync(apart: true, dice, stop)),
            ]));
        yield return ("insert", new(
            "Insert",
            "One row of 15 columns, committed durably. Bulkhead's appends the audit entry in the same transaction; plain does not.",
            [
                Call(Plain, null, plain.InsertAsync),
                .. Isolations.Select(i => Call($"Bulkhead, {i.Word()}", Plain, kernel[i].CreateAsync)),
                Call("plain, with an entry in its batch", Plain, plain.InsertWithEntryAsync),
            ]));
        yield return ("audited", new(
            "Audited point read",
            "A read that appends its audit entry in the same transaction and so waits for the disk; "
            + "compared with plain that appends one too, without capability, policy or canonical JSON.",
            [
                Call("plain, with an entry in its batch", null, plain.ReadWithEntryAsync),
                .. Isolations.Select(i => Call(
                    $"Bulkhead, {i.Word()}", "plain, with an entry in its batch", kernel[i].ReadAuditedAsync)),
                Call("plain Npgsql, no entry", "plain, with an entry in its batch", plain.ReadAsync),
            ]));
    }

    private static Variant Call(string name, string? comparedWith, Func<Dice, CancellationToken, Task> once) =>
        new(name, comparedWith, new CallLoad(once), () => ProcessTime.OfProcess(Environment.ProcessId), InProcess: true);
}
