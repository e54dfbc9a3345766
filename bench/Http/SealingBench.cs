using System.Globalization;
using System.Text.Json.Nodes;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Http;

/// <summary>What sealing costs a reader over HTTP: the clinic beside the clinic with nothing sealed, on the same host.</summary>
internal static class SealingBench
{
    private const double Goal = 0.85;
    private const int Tenants = 5;
    private static readonly string[] Plurals = ["patients", "conditions"];

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        PrivatePostgres postgres, BulkheadHost host, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        var clinics = await ClinicTenants.MakeAsync(
            host, postgres, Math.Min(Tenants, options.Tenants), options.Rows, progress, cancellationToken);
        await using (var server = await postgres.OpenAsync("postgres", cancellationToken))
        {
            await server.RunAsync("checkpoint", cancellationToken);
        }

        var requests = await HostRequests.CreateAsync(host, clinics.All, cancellationToken);
        foreach (var plural in Plurals)
        {
            await RequireSameAsync(postgres, host, clinics, requests, plural, cancellationToken);
        }

        var measured = new List<Measured>();
        foreach (var list in new[] { false, true })
        {
            await requests.RenewAsync(cancellationToken);
            measured.Add(await Interleaved.RunAsync(
                Group(host, clinics, requests, list, options.Rows),
                options,
                postgres.Postmaster,
                progress,
                cancellationToken,
                () => requests.RenewAsync(cancellationToken)));
        }

        return measured;
    }

    private static Group Group(BulkheadHost host, ClinicTenants clinics, HostRequests requests, bool list, int rows)
    {
        return new(
            list ? "Sealing, list of 25" : "Sealing, get one",
            string.Create(
                CultureInfo.InvariantCulture,
                $"The clinic's patients (3 fields of 24 sealed) and conditions (2 of 4, and two references), {clinics.Sealed.Length} "
                + $"shared tenants of each side with {rows} of each; the same records in the same app with nothing sealed. Every request "
                + $"leaves an audit entry on both sides and waits for its commit; both answered the same JSON. Goal by CPU: {Goal}."),
            [.. Plurals.SelectMany(Pair)]);

        Variant[] Pair(string plural)
        {
            var plain = $"{plural}, unsealed";
            return
            [
                Of(plain, null, plural, clinics.Unsealed),
                Of($"{plural}, sealed", plain, plural, clinics.Sealed) with { CpuGoal = Goal },
            ];
        }

        Variant Of(string name, string? comparedWith, string plural, IReadOnlyList<HostTenant> tenants) => new(
            name,
            comparedWith,
            new HttpLoad(host.Url.Port, dice => requests.Of(tenants[dice.Next(tenants.Count)], plural, dice, list)),
            () => ProcessTime.OfProcess(host.ProcessId),
            InProcess: false);
    }

    /// <summary>
    /// Before anything is timed: the two sides answer the same but for the times of writing and the cursor, and each answer has left one
    /// entry on either side.
    /// </summary>
    private static async Task RequireSameAsync(
        PrivatePostgres postgres,
        BulkheadHost host,
        ClinicTenants clinics,
        HostRequests requests,
        string plural,
        CancellationToken cancellationToken)
    {
        var homes = new List<HostHome>();
        foreach (var tenant in new[] { clinics.Sealed[0], clinics.Unsealed[0] })
        {
            homes.Add(await HostHome.OfAsync(postgres, tenant.Slug, cancellationToken));
        }

        foreach (var list in new[] { false, true })
        {
            var before = await EntriesAsync();
            var (sealedAnswer, plainAnswer) = (Ask(clinics.Sealed[0], list), Ask(clinics.Unsealed[0], list));
            if (sealedAnswer != plainAnswer)
            {
                throw new InvalidOperationException($"The two sides answer differently:\n{sealedAnswer}\n{plainAnswer}");
            }

            var after = await EntriesAsync();
            if (after.Zip(before, (now, then) => now - then).Any(fresh => fresh != 1))
            {
                throw new InvalidOperationException($"A request for {plural} does not leave one entry on either side.");
            }
        }

        async Task<long[]> EntriesAsync() =>
            await Task.WhenAll(homes.Select(home => home.CountEntriesAsync(postgres, cancellationToken)));

        string Ask(HostTenant tenant, bool list)
        {
            var answer = JsonNode.Parse(HttpAnswer.Ask(host.Url.Port, requests.Of(tenant, plural, new Dice(7), list)))!.AsObject();
            JsonObject[] records = list ? [.. answer["data"]!.AsArray().Select(r => r!.AsObject())] : [answer];
            foreach (var record in records)
            {
                record.Remove("createdAt");
                record.Remove("updatedAt");
            }

            return string.Join('\n', records.Select(r => r.ToJsonString()));
        }
    }
}
