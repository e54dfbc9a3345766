using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>One cluster and one installation for all tests; for each isolation an attacker and a victim.</summary>
public sealed class World : IAsyncLifetime
{
    public const string Name = "one PostgreSQL for all";

    /// <summary>A record that attacker and victim both have, under the same id.</summary>
    public static readonly Guid SameId = Guid.Parse("018f0000-0000-7000-8000-00000000aaaa");

    private readonly Dictionary<IsolationKind, Pair> _pairs = [];
    private PostgresCluster? _cluster;
    private Installation? _installation;

    /// <summary>Every statement is logged, and counted by pg_stat_statements: a server as talkative as an operator may make it.</summary>
    private static readonly string[] Talkative =
        ["log_min_duration_statement = 0", "shared_preload_libraries = 'pg_stat_statements'", "fsync = off"];

    public Installation Installation => _installation!;

    public PostgresCluster Cluster => _cluster!;

    public Pair Of(IsolationKind kind) => _pairs[kind];

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync(Talkative);
        _installation = await Installation.CreateAsync(_cluster, "bulkhead");
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            // Words that tell nothing of the isolation, to look for them in the server's catalogue.
            var attacker = await _installation.OnboardAsync($"mallory{(int)kind}", kind);
            var victim = await _installation.OnboardAsync($"victoria{(int)kind}", kind);
            foreach (var tenant in new[] { attacker, victim })
            {
                await tenant.AddPatientAsync(SameId, "same-ssn");
                for (var i = 0; i < 5; i++)
                {
                    await tenant.AddPatientAsync(Guid.CreateVersion7(), $"{tenant.Mark}-{i}");
                }

                await tenant.RunAsync(new TenantWork().Change(
                    Sql.Of($"""
                        insert into {Place.App}.{Ward.Visit} (tenant_id, id, version, created_at, updated_at, patient, reason)
                        values ({Place.Tenant}, {SqlValue.Uuid(SameId)}, {SqlValue.Uuid(SameId)}, now(), now(),
                                {SqlValue.Uuid(SameId)}, {SqlValue.Text(tenant.Mark)}) returning id
                        """),
                    new AuditEvent("data.create") { Entity = "visit" }));
            }

            _pairs.Add(kind, new Pair(attacker, victim));
        }
    }

    public async Task DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}

public sealed record Pair(Tenant Attacker, Tenant Victim);

[CollectionDefinition(World.Name)]
public sealed class OneWorld : ICollectionFixture<World>;

/// <summary>All three isolations, as a theory's data.</summary>
public sealed class EveryIsolation : TheoryData<IsolationKind>
{
    public EveryIsolation() => AddRange([IsolationKind.Shared, IsolationKind.Schema, IsolationKind.Database]);
}
