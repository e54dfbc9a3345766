using System.Globalization;
using System.Text;
using Bulkhead.Bench.Http;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel;
using Npgsql;

namespace Bulkhead.Bench.Audit;

/// <summary>
/// From the commit of an entry to that of the signed checkpoint that covers it, in the running program with its own settings. Both
/// instants are PostgreSQL's own (track_commit_timestamp), so that every entry is measured and nobody polls.
/// </summary>
internal static class CheckpointDelay
{
    private const int PausedCallers = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<string> MeasureAsync(
        PrivatePostgres postgres,
        BulkheadHost host,
        AuditedTenants tenants,
        HostRequests requests,
        BenchOptions options,
        Action<string> progress,
        CancellationToken cancellationToken)
    {
        var home = await HostHome.OfAsync(postgres, tenants.On[0].Slug, cancellationToken);
        await using var log = await postgres.OpenAsync(home.Database, cancellationToken);
        var busy = new HttpLoad(host.Url.Port, Read);
        var quiet = new HttpLoad(host.Url.Port, dice =>
        {
            // Each at a moment of its own, wherever the sealer's clock stands.
            Thread.Sleep(50 + dice.Next(400));
            return Read(dice);
        });
        List<double> idle = [], loaded = [];
        for (var round = 0; round < options.Rounds; round++)
        {
            progress($"Time to checkpoint: round {round + 1} of {options.Rounds}");
            await requests.RenewAsync(cancellationToken);
            idle.AddRange(await DelaysAsync(quiet, PausedCallers));
            loaded.AddRange(await DelaysAsync(busy, options.Concurrency));
        }

        var sealedTenants = await TenantsAsync(postgres, cancellationToken);
        return Report(idle, loaded, options, sealedTenants, await Durability.OfAsync(log, cancellationToken));

        byte[] Read(Dice dice) => requests.Of(tenants.On[dice.Next(tenants.On.Length)], AuditedTenants.Plural, dice, list: false);

        async Task<List<double>> DelaysAsync(HttpLoad load, int callers)
        {
            var from = await ScalarAsync<string>(log, "select pg_current_xact_id()::text", null, cancellationToken);
            // At least as long as it takes to see the sealer a few times.
            await load.RunAsync(callers, TimeSpan.FromSeconds(Math.Max(1, options.Seconds)), cancellationToken);
            await AllSealedAsync(log, home.Core, from, cancellationToken);
            return await ReadAsync(log, home.Core, from, cancellationToken);
        }
    }

    private static async Task AllSealedAsync(NpgsqlConnection log, string core, string from, CancellationToken cancellationToken)
    {
        var end = Clock.After(Patience);
        while (await ScalarAsync<bool>(
            log,
            $"""
            select exists (select 1 from {core}.audit_entry e where e.xid >= $1::xid8
                and not exists (select 1 from {core}.audit_leaf l where l.tenant_id = e.tenant_id and l.entry_id = e.id))
            """,
            from,
            cancellationToken))
        {
            if (Clock.Now > end)
            {
                throw new InvalidOperationException($"An entry had no checkpoint after {Patience.TotalSeconds} s.");
            }

            await Task.Delay(50, cancellationToken);
        }
    }

    /// <summary>Milliseconds; leaf and checkpoint are one transaction.</summary>
    private static async Task<List<double>> ReadAsync(NpgsqlConnection log, string core, string from, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            select extract(epoch from pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(e.xmin))::float8 * 1000
            from {core}.audit_entry e join {core}.audit_leaf l on l.tenant_id = e.tenant_id and l.entry_id = e.id where e.xid >= $1::xid8
            """,
            log);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = from });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var delays = new List<double>();
        while (await reader.ReadAsync(cancellationToken))
        {
            delays.Add(reader.GetDouble(0));
        }

        return delays;
    }

    private static async Task<long> TenantsAsync(PrivatePostgres postgres, CancellationToken cancellationToken)
    {
        await using var control = await postgres.OpenAsync(BulkheadHost.Database, cancellationToken);
        return await ScalarAsync<long>(control, "select count(*) from control.tenant", null, cancellationToken);
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql, string? value, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        if (value is not null)
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value });
        }

        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static string Report(List<double> idle, List<double> loaded, BenchOptions options, long tenants, string durability)
    {
        var sealing = new KernelOptions { AppConnection = "", KeyDirectory = "" }.AuditSealing;
        var text = new StringBuilder("## Time to checkpoint").AppendLine().AppendLine()
            .AppendLine(
                CultureInfo.InvariantCulture,
                $"From the commit of an entry to the commit of the signed checkpoint that covers it, for every entry of {options.Rounds} "
                + $"rounds; by PostgreSQL's own times of commits. The program seals {tenants} tenants every {sealing.TotalMilliseconds} "
                + $"ms, as it does by default. Idle: {PausedCallers} callers that wait 50 to 450 ms before each audited GET; under load: "
                + $"{options.Concurrency} callers that do not wait. The server said: {durability}. Wanted: within 1,000 ms.")
            .AppendLine()
            .AppendLine("| | entries | p50 ms | p99 ms | longest ms |")
            .Append("|---|---:|---:|---:|---:|");
        foreach (var (name, delays) in new[] { ("idle", idle), ("under load", loaded) })
        {
            delays.Sort();
            text.AppendLine().Append(
                CultureInfo.InvariantCulture,
                $"| {name} | {delays.Count} | {delays[delays.Count / 2]:0} | {delays[(int)(delays.Count * 0.99)]:0} | {delays[^1]:0} |");
        }

        return text.ToString();
    }
}
