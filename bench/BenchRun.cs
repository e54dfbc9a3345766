using System.Globalization;
using Bulkhead.Bench.Audit;
using Bulkhead.Bench.Http;
using Bulkhead.Bench.Keys;
using Bulkhead.Bench.KernelLevel;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Proofs;
using Bulkhead.Bench.Report;
using Bulkhead.Bench.Search;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench;

/// <summary>The whole run: servers, measurements, report.</summary>
internal static class BenchRun
{
    public static async Task<int> RunAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var start = Clock.Now;
        try
        {
            Progress("starting PostgreSQL");
            await using var postgres = await PrivatePostgres.StartAsync(commitTimes: options.Runs("audit"), cancellationToken);
            var surroundings = await Surroundings.LookAsync(postgres, options, cancellationToken);
            var measured = new List<Measured>();
            var notes = new List<string>();
            if (options.RunsHost)
            {
                measured.AddRange(await OnHostAsync(postgres, options, notes, Progress, cancellationToken));
            }

            if (options.RunsKernel)
            {
                await using var installation = await Installation.CreateAsync(postgres, options, Progress, cancellationToken);
                measured.AddRange(await KernelBench.RunAsync(installation, options, Progress, cancellationToken));
                if (options.Runs("audit"))
                {
                    measured.AddRange(await AppendBench.RunAsync(installation, options, Progress, cancellationToken));
                }

                if (options.Runs("plan"))
                {
                    Progress("asking for plans");
                    notes.Add(await Plans.AskAsync(installation, cancellationToken));
                }
            }

            if (options.Runs("envelope"))
            {
                measured.AddRange(await EnvelopeBench.RunAsync(options, postgres.Postmaster, Progress, cancellationToken));
            }

            if (options.Runs("proofs"))
            {
                measured.AddRange(await ProofsBench.RunAsync(options, postgres.Postmaster, Progress, cancellationToken));
            }

            if (options.Runs("search"))
            {
                measured.Add(await SearchBench.RunAsync(postgres, options, Progress, cancellationToken));
            }

            if (options.RunsToken)
            {
                await KeyStoresAsync(postgres, options, measured, notes, Progress, cancellationToken);
            }

            await PublishAsync(options, surroundings, measured, notes, cancellationToken);
            return 0;
        }
        catch (OperationCanceledException)
        {
            Progress("interrupted");
            return 1;
        }

        void Progress(string what) => Console.Error.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"[{Clock.Microseconds(Clock.Now - start) / 1e6,4:0} s] {what}"));
    }

    private static async Task<List<Measured>> OnHostAsync(
        PrivatePostgres postgres, BenchOptions options, List<string> notes, Action<string> progress, CancellationToken cancellationToken)
    {
        await using var host = await BulkheadHost.StartAsync(postgres, progress, cancellationToken);
        var measured = new List<Measured>();
        if (options.Runs("http"))
        {
            measured.AddRange(await HttpBench.RunAsync(postgres, host, options, progress, cancellationToken));
        }

        if (options.Runs("sealing"))
        {
            measured.AddRange(await SealingBench.RunAsync(postgres, host, options, progress, cancellationToken));
        }

        if (options.Runs("audit"))
        {
            var tenants = await AuditedTenants.MakeAsync(host, postgres, options, progress, cancellationToken);
            var requests = await HostRequests.CreateAsync(host, tenants.All, cancellationToken);
            notes.Add(await CheckpointDelay.MeasureAsync(postgres, host, tenants, requests, options, progress, cancellationToken));
            measured.AddRange(await PriceBench.RunAsync(postgres, host, tenants, requests, options, progress, cancellationToken));
        }

        return measured;
    }

    private static async Task KeyStoresAsync(
        PrivatePostgres postgres,
        BenchOptions options,
        List<Measured> measured,
        List<string> notes,
        Action<string> progress,
        CancellationToken cancellationToken)
    {
        var token = await TrialToken.PrepareAsync(
            Directory.CreateDirectory(Path.Combine(postgres.Folder, "hsm")).FullName, cancellationToken);
        if (token is null)
        {
            progress(TrialToken.Missing);
        }

        if (options.Runs("unwrap"))
        {
            measured.Add(await UnwrapBench.RunAsync(postgres, token, options, progress, cancellationToken));
        }

        if (options.Runs("rotation"))
        {
            var rotations = await RotationBench.RunAsync(postgres, token, options, progress, cancellationToken);
            measured.AddRange(rotations);
            notes.Add(RotationBench.InSeconds(rotations));
        }
    }

    private static async Task PublishAsync(
        BenchOptions options,
        Surroundings surroundings,
        IReadOnlyList<Measured> measured,
        IReadOnlyList<string> notes,
        CancellationToken cancellationToken)
    {
        var markdown = MarkdownReport.Of(surroundings, measured, notes);
        Console.WriteLine(options.Json ? JsonReport.Of(surroundings, measured, notes) : markdown);
        var folder = options.Results
            ?? Path.Combine(Repository.Root, "bench", "results");
        if (folder.Length == 0 || (options.Results is null && !Directory.Exists(folder)))
        {
            return;
        }

        Directory.CreateDirectory(folder);
        var what = options.Only.Count == 0 ? "all" : string.Join('-', options.Only.Order(StringComparer.Ordinal));
        var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd}-{what}.md"));
        await File.WriteAllTextAsync(path, markdown, cancellationToken);
        Console.Error.WriteLine($"written: {path}");
    }
}
