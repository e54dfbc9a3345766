using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Proofs;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Acts without rows that follow each other in one work are recorded by one statement, and nobody can tell from their entries.</summary>
[Collection(World.Name)]
public sealed class RecordedTogether(World world) : IAsyncLifetime
{
    private static readonly ImmutableSortedDictionary<string, string> Route =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add("route", "a \"quoted\" one");

    private static readonly AuditEvent[] Acts =
    [
        new("together.1") { Entity = "patient", Details = Route },
        new("together.2") { Result = AuditResult.Denied, Reason = "no-role" },
        new("together.3") { Entity = "visit", Numbers = [CommittedNumber.Of("cost", 7), CommittedNumber.Of("amount", 1UL << 40)] },
        new("together.4") { Entity = "visit", Fields = ["name", "income"] },
        new("together.5") { Numbers = [CommittedNumber.OfRecords("recordsRead", 3)] },
    ];

    private Installation _installation = null!;

    public async Task InitializeAsync() => _installation = await Installation.CreateAsync(world.Cluster, $"together_{Guid.NewGuid():N}"[..16]);

    public Task DisposeAsync() => _installation.DisposeAsync().AsTask();

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task They_leave_the_entries_commitments_and_openings_that_each_alone_would(IsolationKind kind)
    {
        var tenant = await _installation.OnboardAsync("clinic", kind);
        var request = $"together-{kind}";
        var work = new TenantWork();
        Array.ForEach(Acts, act => work.Record(act));
        await RunAsync(tenant, request, work);
        foreach (var act in Acts)
        {
            await RunAsync(tenant, request + "-alone", new TenantWork().Record(act));
        }

        var together = await EntriesAsync(tenant, request);
        var alone = await EntriesAsync(tenant, request + "-alone");
        Assert.Equal(Acts.Select(a => a.Action), together.Select(e => e.Action));
        Assert.Equal(alone.Select(e => e.Comparable), together.Select(e => e.Comparable));
        Assert.Single(together.Select(e => e.Transaction).Distinct());
        Assert.Equal(Acts.Length, alone.Select(e => e.Transaction).Distinct().Count());
        Assert.Equal(Acts.Length, together.Select(e => e.Id).Distinct().Count());
        foreach (var entry in together.Concat(alone))
        {
            await RequireWholeAsync(tenant, entry);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_change_between_them_is_recorded_between_them_and_what_is_refused_records_none(IsolationKind kind)
    {
        var tenant = await _installation.OnboardAsync("clinic", kind);
        var (request, patient) = ($"between-{kind}", Guid.CreateVersion7());
        var change = Sql.Of($"""
            insert into {Place.App}.{Ward.Patient} (tenant_id, id, version, created_at, updated_at, name, ssn, income)
            values ({Place.Tenant}, {SqlValue.Uuid(patient)}, {SqlValue.Uuid(patient)}, now(), now(),
                    {SqlValue.Text(tenant.Mark)}, null, 1000) returning id
            """);
        var work = new TenantWork()
            .Record(Acts[0]).Record(Acts[2])
            .Change(change, new AuditEvent("together.change") { Entity = "patient" })
            .Record(Acts[3]).Record(Acts[4]);
        Assert.Equal(1, (await RunAsync(tenant, request, work)).Changed);

        var entries = await EntriesAsync(tenant, request);
        Assert.Equal(["together.1", "together.3", "together.4", "together.5", "together.change"], entries.Select(e => e.Action));
        Assert.Equal([null, null, null, null, patient], entries.Select(e => e.Record));
        foreach (var entry in entries)
        {
            await RequireWholeAsync(tenant, entry);
        }

        // The same row again: all or none.
        Assert.NotNull((await RunAsync(tenant, request, work)).Violation);
        Assert.Equal(entries.Count, (await EntriesAsync(tenant, request)).Count);
    }

    [Fact]
    public async Task Values_of_a_record_are_refused_where_there_is_none()
    {
        var tenant = await _installation.OnboardAsync("clinic", IsolationKind.Shared);
        var act = new AuditEvent("together.values") { Values = new([new ChangedValue("name", null, "\"text\"")]) };
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => RunAsync(tenant, "together-values", new TenantWork().Record(Acts[1]).Record(act)));
        Assert.Empty(await EntriesAsync(tenant, "together-values"));
    }

    private static Task<WorkResult> RunAsync(Tenant tenant, string request, TenantWork work) => tenant.Installation.Database.RunAsync(
        new RequestContext(tenant.Id, Installation.Nurse, request, "ward@1"), work, default);

    /// <summary>The columns say what the body says, and what an entry commits to opens to what its act was.</summary>
    private static async Task RequireWholeAsync(Tenant tenant, Entry entry)
    {
        var body = JsonDocument.Parse(entry.Body).RootElement;
        Assert.Equal(entry.Id, body.GetProperty("id").GetGuid());
        Assert.Equal(entry.At, body.GetProperty("at").GetDateTimeOffset());
        Assert.Equal(entry.Action, body.GetProperty("action").GetString());
        Assert.Equal(entry.Entity, body.TryGetProperty("entity", out var entity) ? entity.GetString() : null);
        Assert.Equal(entry.Result, body.GetProperty("result").GetString());
        Assert.Equal(entry.Actor, body.GetProperty("actor").GetProperty("id").GetString());

        var numbers = Array.Find(Acts, a => a.Action == entry.Action)?.Numbers ?? [];
        Assert.Equal(numbers.IsDefaultOrEmpty, entry.Commitments.Length == 0);
        Assert.Equal(numbers.IsDefaultOrEmpty, entry.Opening is null);
        Assert.Equal(numbers.IsDefaultOrEmpty, !entry.HasOpening);
        if (entry.Opening is null)
        {
            return;
        }

        var keys = await tenant.Installation.Ring.OpenAsync(tenant.Id, EntryCommitments.KeyName, default);
        var commitments = JsonDocument.Parse(entry.Commitments).RootElement;
        Assert.Equal(
            numbers.Select(n => n.Attribute).Order(StringComparer.Ordinal), commitments.EnumerateObject().Select(c => c.Name));
        foreach (var number in numbers)
        {
            Assert.True(EntryCommitments.TryOpen(keys, entry.Id, entry.Opening, number.Attribute, out var blinding, out var value));
            Assert.Equal(number.Value, value);
            // An act without rows found none.
            Assert.True(Pedersen.Opens(commitments.GetProperty(number.Attribute).GetBytesFromBase64(), number.Value ?? 0, blinding));
        }
    }

    private static async Task<List<Entry>> EntriesAsync(Tenant tenant, string request)
    {
        var entries = new List<Entry>();
        await tenant.RunAsync(new TenantWork().Read(
            Sql.Of($"""
                select e.id, e.xid::text, e.at, e.actor, e.action, e.entity, e.result, e.record, e.commitments, e.body, o._sealed_secret, o.id
                from {Place.Core}.audit_entry e left join {Place.Core}.audit_opening o on o.tenant_id = e.tenant_id and o.id = e.id
                where e.body like '%' || {SqlValue.Text($"\"request\":\"{request}\"")} || '%' order by e.action
                """),
            row => entries.Add(new(
                row.Uuid(0), row.Text(1), row.Timestamp(2), row.Text(3), row.Text(4), row.IsNull(5) ? null : row.Text(5), row.Text(6),
                row.IsNull(7) ? null : row.Uuid(7), row.Text(8), row.Text(9), row.IsNull(10) ? null : row.Bytes(10),
                !row.IsNull(11)))));
        return entries;
    }

    private sealed record Entry(
        Guid Id, string Transaction, DateTimeOffset At, string Actor, string Action, string? Entity, string Result, Guid? Record,
        string Commitments, string Body, byte[]? Opening, bool HasOpening)
    {
        /// <summary>Without what is never the same twice.</summary>
        public string Comparable
        {
            get
            {
                var body = JsonNode.Parse(Body)!.AsObject();
                foreach (var name in new[] { "id", "at", "request" })
                {
                    Assert.True(body.Remove(name));
                }

                return $"{Actor} {Action} {Entity} {Result} {Record} {Opening is null} {Commitments.Length} {body.ToJsonString()}";
            }
        }
    }
}
