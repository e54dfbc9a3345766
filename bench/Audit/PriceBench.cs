using System.Globalization;
using System.Text.Json.Nodes;
using Bulkhead.Bench.Http;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Audit;

/// <summary>
/// What the log costs who reads and who creates over HTTP: reads beside the same reads without an entry, on one host; creations, which are
/// never without one, beside the bare endpoint.
/// </summary>
internal static class PriceBench
{
    private const string Bare = "bare, keeps verified tokens";
    private const string BareEntered = "bare, with an entry in its batch";
    private const string OfSealer =
        "The sealer runs in the program, and its work is counted; what it has not sealed at the end of a slice falls into the next one.";

    private const string Body =
        """
        {"firstName":"First7","lastName":"Last7","city":"City7","gender":"F","born":"1980-02-03","income":1234.25,"visits":7,
        """
        + """
        "active":true,"seenAt":"2026-01-02T03:04:05.678Z","note":"note note note note note note note note note note "}
        """;

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        PrivatePostgres postgres,
        BulkheadHost host,
        AuditedTenants tenants,
        HostRequests requests,
        BenchOptions options,
        Action<string> progress,
        CancellationToken cancellationToken)
    {
        await using var bare = await PlainSide.StartAsync(
            postgres, tenants.Off, options.Rows * tenants.Off.Length, cancellationToken);
        await RequireSameAsync(postgres, host, bare, tenants, requests, cancellationToken);
        await using var server = await postgres.OpenAsync("postgres", cancellationToken);
        var durability = await Durability.OfAsync(server, cancellationToken);
        var measured = new List<Measured>();
        Group[] groups =
        [
            Reads(host, tenants, requests, options, durability), Creations(host, bare, tenants, requests, durability),
        ];
        foreach (var group in groups)
        {
            await server.RunAsync("checkpoint", cancellationToken);
            measured.Add(await Interleaved.RunAsync(
                group, options, postgres.Postmaster, progress, cancellationToken, () => requests.RenewAsync(cancellationToken)));
        }

        return measured;
    }

    private static Group Reads(
        BulkheadHost host, AuditedTenants tenants, HostRequests requests, BenchOptions options, string durability)
    {
        return new(
            "Price of audit, get one over HTTP",
            string.Create(
                CultureInfo.InvariantCulture,
                $"`GET …/patients/{{id}}` of one app deployed three times on one host, {tenants.On.Length} shared tenants of each with "
                + $"{options.Rows} records: audit off (no class of fields in `readsOf`), on (every request leaves an entry and waits for "
                + $"its commit), and with a commitment to the number of records in each entry. All answered the same JSON. The server "
                + $"said: {durability}. {OfSealer}"),
            [
                Of("audit off", null, tenants.Off),
                Of("audit on", "audit off", tenants.On),
                Of("audit on, with a commitment each", "audit off", tenants.Committed),
            ]);

        Variant Of(string name, string? comparedWith, IReadOnlyList<HostTenant> mine) => OnHost(
            host, name, comparedWith, dice => requests.Of(mine[dice.Next(mine.Count)], AuditedTenants.Plural, dice, list: false));
    }

    private static Group Creations(BulkheadHost host, PlainSide bare, AuditedTenants tenants, HostRequests requests, string durability)
    {
        return new(
            "Price of audit, create over HTTP",
            "`POST …/patients` with 10 fields. In the product every change has its entry, so that audit off cannot be measured: beside it "
            + "stands the bare endpoint, which answers the same without policy, limits or entry, and the bare endpoint that inserts an "
            + $"entry of about the same size in the same batch. The server said: {durability}. {OfSealer}",
            [
                OfBare(Bare, null, "/kept"),
                OfBare(BareEntered, Bare, "/entered"),
                Of("Bulkhead", Bare, tenants.On) with { SecondBase = BareEntered },
                Of("Bulkhead, with a commitment each", "Bulkhead", tenants.Committed) with { SecondBase = BareEntered },
            ]);

        Variant OfBare(string name, string? comparedWith, string prefix) => new(
            name,
            comparedWith,
            new HttpLoad(
                bare.Port,
                dice => Request.Create(prefix, tenants.Off[dice.Next(tenants.Off.Length)], AuditedTenants.Plural, bare.Token, Body)),
            () => ProcessTime.OfProcess(bare.ProcessId),
            InProcess: false);

        Variant Of(string name, string? comparedWith, IReadOnlyList<HostTenant> mine) => OnHost(
            host, name, comparedWith, dice => requests.Create(mine[dice.Next(mine.Count)], AuditedTenants.Plural, Body));
    }

    private static Variant OnHost(BulkheadHost host, string name, string? comparedWith, Func<Dice, byte[]> request) => new(
        name, comparedWith, new HttpLoad(host.Url.Port, request), () => ProcessTime.OfProcess(host.ProcessId), InProcess: false);

    /// <summary>
    /// Before anything is timed: all answer the same but for ids and times, and each leaves the entries and commitments that its name says.
    /// </summary>
    private static async Task RequireSameAsync(
        PrivatePostgres postgres,
        BulkheadHost host,
        PlainSide bare,
        AuditedTenants tenants,
        HostRequests requests,
        CancellationToken cancellationToken)
    {
        (HostTenant Tenant, int OfRead, int Commitments)[] sides =
            [(tenants.Off[0], 0, 0), (tenants.On[0], 1, 0), (tenants.Committed[0], 1, 2)];
        var answers = new HashSet<string>();
        foreach (var (tenant, ofRead, commitments) in sides)
        {
            var home = await HostHome.OfAsync(postgres, tenant.Slug, cancellationToken);
            var before = await CountAsync(home);
            answers.Add("read " + Shown(host.Url.Port, requests.Of(tenant, AuditedTenants.Plural, new Dice(7), list: false)));
            answers.Add("created " + Shown(host.Url.Port, requests.Create(tenant, AuditedTenants.Plural, Body)));
            var after = await CountAsync(home);
            var fresh = (after.Entries - before.Entries, after.Committed - before.Committed);
            if (fresh != (ofRead + 1, commitments))
            {
                throw new InvalidOperationException($"A reading and a creation of {tenant.Slug} left {fresh}.");
            }
        }

        foreach (var prefix in new[] { "/kept", "/entered" })
        {
            answers.Add("created " + Shown(bare.Port, Request.Create(prefix, tenants.Off[0], AuditedTenants.Plural, bare.Token, Body)));
        }

        if (answers.Count != 2)
        {
            throw new InvalidOperationException($"The sides answer differently:\n{string.Join('\n', answers)}");
        }

        async Task<(long Entries, long Committed)> CountAsync(HostHome home) => (
            await home.CountEntriesAsync(postgres, cancellationToken),
            await home.CountEntriesAsync(postgres, cancellationToken, "and commitments <> ''"));

        static string Shown(int port, byte[] request)
        {
            var record = JsonNode.Parse(HttpAnswer.Ask(port, request))!.AsObject();
            foreach (var name in new[] { "id", "createdAt", "updatedAt" })
            {
                record.Remove(name);
            }

            return record.ToJsonString();
        }
    }
}
