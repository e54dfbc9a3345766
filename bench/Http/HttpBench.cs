using System.Text.Json.Nodes;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Http;

/// <summary>The real host beside the bare endpoint, over HTTP, with tokens.</summary>
internal static class HttpBench
{
    private const string Bare = "bare ASP.NET Core + Npgsql, verifies each token";
    private const string BareKept = "bare, keeps verified tokens";
    private const int SharedTenants = 20;
    private static readonly string[] Isolations = ["shared", "schema", "database"];

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        PrivatePostgres postgres, BulkheadHost host, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        var shared = Math.Min(SharedTenants, options.Tenants);
        var rows = options.Tenants * options.Rows;
        var all = await ContactTenants.MakeAsync(host, postgres, shared, rows, progress, cancellationToken);
        progress("starting the bare endpoint");
        var tenants = all.Where(t => t.Isolation == "shared").ToList();
        await using var bare = await PlainSide.StartAsync(postgres, tenants, rows, cancellationToken);
        await using (var server = await postgres.OpenAsync("postgres", cancellationToken))
        {
            await server.RunAsync("checkpoint", cancellationToken);
        }

        var requests = await HostRequests.CreateAsync(host, all, cancellationToken);
        SameAnswers(host, bare, requests, tenants[0]);
        var measured = new List<Measured>();
        foreach (var list in new[] { false, true })
        {
            var group = Group(host, bare, requests, all, list, shared, rows);
            // A token holds for ten minutes; a group with its rounds may take as long.
            await requests.RenewAsync(cancellationToken);
            measured.Add(await Interleaved.RunAsync(
                group, options, postgres.Postmaster, progress, cancellationToken, () => requests.RenewAsync(cancellationToken)));
        }

        return measured;
    }

    private static Group Group(
        BulkheadHost host, PlainSide bare, HostRequests requests, IReadOnlyList<HostTenant> tenants, bool list, int shared, int rows)
    {
        var plainTenants = tenants.Where(t => t.Isolation == "shared").ToArray();
        return new(
            list ? "HTTP list of 25" : "HTTP get one",
            (list
                ? "`GET …/contacts?limit=25` and `…/patients?limit=25`: the first page by id. "
                : "`GET …/contacts/{id}` and `…/patients/{id}`. ")
            + "Contacts are unaudited; reading patients appends an audit entry and waits for its commit. "
            + $"{shared} shared tenants, {rows} rows in each isolation; both sides answered the same JSON when compared. "
            + "CPU of the program is the server's, without the load's. Goals are by CPU: 0.65 of bare unaudited, 0.40 audited.",
            [
                Plain(Bare, null, ""),
                Plain(BareKept, Bare, "/kept"),
                .. Isolations.Select(i => Ours($"Bulkhead, {i}, unaudited", "contacts", i, 0.65)),
                .. Isolations.Select(i => Ours($"Bulkhead, {i}, audited", "patients", i, 0.40)),
            ]);

        Variant Plain(string name, string? comparedWith, string prefix) => new(
            name,
            comparedWith,
            new HttpLoad(
                bare.Port,
                dice => Request.Of(prefix, plainTenants[dice.Next(plainTenants.Length)], "contacts", bare.Token, dice, list)),
            () => ProcessTime.OfProcess(bare.ProcessId),
            InProcess: false);

        Variant Ours(string name, string plural, string isolation, double goal)
        {
            var mine = tenants.Where(t => t.Isolation == isolation).ToArray();
            return new(
                name,
                Bare,
                new HttpLoad(host.Url.Port, dice => requests.Of(mine[dice.Next(mine.Length)], plural, dice, list)),
                () => ProcessTime.OfProcess(host.ProcessId),
                InProcess: false) { CpuGoal = goal, SecondBase = BareKept };
        }
    }

    /// <summary>Before anything is timed: the two sides answer the same, to the byte, but for the cursor.</summary>
    private static void SameAnswers(BulkheadHost host, PlainSide bare, HostRequests requests, HostTenant tenant)
    {
        var ours = JsonNode.Parse(HttpAnswer.Ask(host.Url.Port, requests.Of(tenant, "contacts", new Dice(7), list: true)))!;
        var plain = JsonNode.Parse(HttpAnswer.Ask(bare.Port, Request.Of("", tenant, "contacts", bare.Token, new Dice(7), list: true)))!;
        if (ours["data"]!.AsArray().Count != 25 && tenant.Ids.Length >= 25)
        {
            throw new InvalidOperationException("A page of 25 has no 25 records.");
        }

        Same(ours["data"]!.ToJsonString(), plain["data"]!.ToJsonString());
        Same(
            HttpAnswer.Ask(host.Url.Port, requests.Of(tenant, "contacts", new Dice(7), list: false)),
            HttpAnswer.Ask(bare.Port, Request.Of("", tenant, "contacts", bare.Token, new Dice(7), list: false)));

        static void Same(string ours, string plain)
        {
            if (ours != plain)
            {
                throw new InvalidOperationException($"The two sides answer differently:\n{ours}\n{plain}");
            }
        }
    }
}
