using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.System.Keys;

/// <summary>
/// Somebody with every right in the database changes, moves and plants envelopes. A damaged record is told as such, shows nothing of
/// itself, and hides no other.
/// </summary>
[Collection(OneVault.Name)]
public sealed class EnvelopeAttacks(VaultServer server)
{
    private const string Secret = "sealed-before-the-attack";

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_change_of_any_byte_is_noticed_and_nothing_of_the_row_is_shown(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { name = "clear-part", history = Secret });
        var envelope = await EnvelopeAsync(slug, id);
        for (var place = 0; place < envelope.Length; place++)
        {
            var changed = (byte[])envelope.Clone();
            changed[place] ^= (byte)(1 << (place % 8));
            await PutAsync(slug, id, changed);
            await RefusedAsync(slug, id, place is >= 2 and <= 5 ? "keys-unavailable" : "record-damaged");
        }

        await PutAsync(slug, id, envelope);
        Assert.Contains(Secret, (await server.CallAsync("GET", slug, $"people/{id}")).Is(HttpStatusCode.OK).Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_damaged_record_is_refused_by_every_way_to_it_and_can_be_deleted(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { name = "clear-part", history = Secret, nick = $"nick-{kind}" });
        var child = await server.CreateAsync(slug, new { person = id, history = "of the child" }, "visits");
        var tag = (await server.CallAsync("GET", slug, $"people/{id}")).ETag!;
        var envelope = await EnvelopeAsync(slug, id);
        envelope[^1] ^= 1;
        await PutAsync(slug, id, envelope);

        foreach (var path in new[]
        {
            $"people/{id}", $"people?nick=nick-{kind}", $"visits/{child}?expand=person", $"people/{id}?expand=visits",
        })
        {
            var refused = (await server.CallAsync("GET", slug, path)).Is(HttpStatusCode.InternalServerError);
            Assert.Equal("record-damaged", refused.Code);
            Assert.DoesNotContain("clear-part", refused.Text, StringComparison.Ordinal);
        }

        var patch = await server.CallAsync("PATCH", slug, $"people/{id}", new { name = "new" }, headers: ("If-Match", tag));
        Assert.Equal("record-damaged", patch.Is(HttpStatusCode.InternalServerError).Code);

        // Who has to mend it is told where it is, and not what it is.
        Assert.Contains(Told(slug, "person", id, "RecordDamaged"), server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("clear-part", server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain($"nick-{kind}", server.Log, StringComparison.Ordinal);

        // What needs no envelope goes on: the selection of clear fields, and getting rid of it.
        (await server.CallAsync("GET", slug, $"people/{id}?fields=name")).Is(HttpStatusCode.OK);
        (await server.CallAsync("GET", slug, $"people/{id}?fields=nick")).Is(HttpStatusCode.OK);
        (await server.CallAsync("DELETE", slug, $"people/{id}", headers: ("If-Match", tag))).Is(HttpStatusCode.NoContent);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_record_is_named_to_the_operator_whatever_is_wrong_with_it(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { history = Secret });
        var envelope = await EnvelopeAsync(slug, id);
        var keys = await server.Services.GetRequiredService<KeyRing>().OpenAsync(server.Tenant(slug).Id, "person", default);

        // Sealed as it must be, and no content of fields.
        await PutAsync(slug, id, keys.Seal("health", id, [200, 1, 2]));
        await RefusedAsync(slug, id, "record-damaged");
        Assert.Contains(Told(slug, "person", id, "RecordDamaged"), server.Log, StringComparison.Ordinal);

        // Of an epoch that there never was.
        envelope[2] ^= 1;
        await PutAsync(slug, id, envelope);
        await RefusedAsync(slug, id, "keys-unavailable");
        Assert.Contains(Told(slug, "person", id, "KeysUnavailable"), server.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, server.Log, StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task An_envelope_opens_in_no_other_row_class_entity_or_tenant(IsolationKind kind)
    {
        var (a, b) = (VaultServer.A(kind), VaultServer.B(kind));
        var id = Guid.CreateVersion7();
        await server.CreateAsync(a, new { id, history = Secret, card = Secret, nick = "n", ssn = $"swap {kind}" });
        await server.CreateAsync(b, new { id, history = "of the other tenant" });
        var neighbour = await server.CreateAsync(a, new { history = "of the neighbour", card = "c" });
        await server.CreateAsync(a, new { id, person = neighbour, history = "of the visit", nick = "of the visit" }, "visits");
        var health = await EnvelopeAsync(a, id);

        // Other row.
        await PutAsync(a, neighbour, health);
        await RefusedAsync(a, neighbour, "record-damaged");
        // Other entity, the same id and class.
        await PutAsync(a, id, health, "visit");
        await RefusedAsync(a, id, "record-damaged", "visits");
        // Other tenant, the same id, entity and class.
        await PutAsync(b, id, health);
        await RefusedAsync(b, id, "record-damaged");
        // Other classes of the same row.
        foreach (var other in new[] { "personal", "secret", "cardholder" })
        {
            var own = await EnvelopeAsync(a, id, dataClass: other);
            await PutAsync(a, id, health, dataClass: other);
            await RefusedAsync(a, id, "record-damaged");
            await PutAsync(a, id, own, dataClass: other);
        }

        var personal = await EnvelopeAsync(a, id, dataClass: "personal");
        await PutAsync(a, id, personal);
        await RefusedAsync(a, id, "record-damaged");
        await PutAsync(a, id, health);
        (await server.CallAsync("GET", a, $"people/{id}")).Is(HttpStatusCode.OK);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task What_is_no_envelope_is_damage_whatever_its_length(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { history = Secret });
        var envelope = await EnvelopeAsync(slug, id);
        foreach (var length in new[] { 0, 1, 2, 5, 6, 29, 30, 31, 45, 46, 47, envelope.Length - 1 })
        {
            await PutAsync(slug, id, envelope[..length]);
            await RefusedAsync(slug, id, "record-damaged");
        }

        await PutAsync(slug, id, [.. envelope, 0]);
        await RefusedAsync(slug, id, "record-damaged");
        await PutAsync(slug, id, [.. envelope[..30], .. RandomNumberGenerator.GetBytes(20_000_000)]);
        await RefusedAsync(slug, id, "record-damaged");
        await PutAsync(slug, id, RandomNumberGenerator.GetBytes(300).Select((b, i) => i == 0 ? (byte)0xFF : b).ToArray());
        await RefusedAsync(slug, id, "record-damaged");
        Assert.DoesNotContain("InternalError", server.Log, StringComparison.Ordinal);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task An_epoch_that_is_not_known_is_out_of_reach_and_no_damage(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { history = Secret });
        var envelope = await EnvelopeAsync(slug, id);
        foreach (var epoch in new[] { 2, 255, int.MaxValue, -1, int.MinValue })
        {
            BinaryPrimitives.WriteInt32BigEndian(envelope.AsSpan(2), epoch);
            await PutAsync(slug, id, envelope);
            await RefusedAsync(slug, id, "keys-unavailable");
        }

        BinaryPrimitives.WriteInt32BigEndian(envelope.AsSpan(2), 0);
        await PutAsync(slug, id, envelope);
        await RefusedAsync(slug, id, "record-damaged");
    }

    /// <summary>
    /// Known and stated: an envelope is bound to its row, not to the row's version. Whoever may write to the database can put back what
    /// stood there before, or take it away; they learn nothing by it, and cannot make up a value.
    /// </summary>
    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task An_older_envelope_of_the_same_row_and_class_opens(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var id = await server.CreateAsync(slug, new { name = "x", history = "first" });
        var old = await EnvelopeAsync(slug, id);
        (await server.PatchAsync(slug, id, new { history = "second" })).Is(HttpStatusCode.OK);
        await PutAsync(slug, id, old);
        var shown = (await server.CallAsync("GET", slug, $"people/{id}")).Is(HttpStatusCode.OK);
        Assert.Equal("first", shown.Json.GetProperty("history").GetString());
        await PutAsync(slug, id, null);
        shown = (await server.CallAsync("GET", slug, $"people/{id}")).Is(HttpStatusCode.OK);
        Assert.Equal(global::System.Text.Json.JsonValueKind.Null, shown.Json.GetProperty("history").ValueKind);
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_stored_answer_is_bound_to_its_key_route_actor_and_tenant(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        foreach (var key in new[] { "one", "two" })
        {
            (await server.CallAsync(
                "POST", slug, "people", new { history = $"answer {key}" }, headers: ("Idempotency-Key", $"{kind}-{key}")))
                .Is(HttpStatusCode.Created);
        }

        await using (var owner = await server.AsOwnerOfAsync(slug))
        {
            var table = $"{server.Tenant(slug).Placement.Unit.CoreSchema.Quoted}.idempotency";
            Assert.Equal(1, await owner.RunAsync(
                $"update {table} set answer = (select answer from {table} where key = $1) where key = $2",
                default, $"{kind}-one", $"{kind}-two"));
            var digest = (await owner.ScalarAsync<byte[]>($"select request_digest from {table} where key = $1", default, $"{kind}-one"))!;
            Assert.NotEqual(32, digest.Length);
        }

        var replay = await server.CallAsync(
            "POST", slug, "people", new { history = "answer two" }, headers: ("Idempotency-Key", $"{kind}-two"));
        Assert.Equal("record-damaged", replay.Is(HttpStatusCode.InternalServerError).Code);
        Assert.DoesNotContain("answer one", replay.Text, StringComparison.Ordinal);
        Assert.True((await server.CallAsync(
            "POST", slug, "people", new { history = "answer one" }, headers: ("Idempotency-Key", $"{kind}-one"))).Replayed);
    }

    private string Told(string slug, string entity, Guid id, string kind) =>
        $"tenant {server.Tenant(slug).Id.Value}, {entity} {id} does not open: {kind}";

    private async Task RefusedAsync(string slug, Guid id, string code, string plural = "people")
    {
        var answer = await server.CallAsync("GET", slug, $"{plural}/{id}");
        Assert.True(answer.Code == code, $"{code} was expected: {answer.Status} {answer.Text}");
        Assert.DoesNotContain("clear-part", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, answer.Text, StringComparison.Ordinal);
    }

    private async Task<byte[]> EnvelopeAsync(string slug, Guid id, string entity = "person", string dataClass = "health")
    {
        await using var owner = await server.AsOwnerOfAsync(slug);
        return (await owner.ScalarAsync<byte[]>(
            $"select {VaultServer.Envelope(dataClass)} from {server.Table(slug, entity)} where tenant_id = $1 and id = $2",
            default, server.Tenant(slug).Id.Value, id))!;
    }

    private async Task PutAsync(string slug, Guid id, byte[]? envelope, string entity = "person", string dataClass = "health")
    {
        await using var owner = await server.AsOwnerOfAsync(slug);
        Assert.Equal(1, await owner.RunAsync(
            $"update {server.Table(slug, entity)} set {VaultServer.Envelope(dataClass)} = $3 where tenant_id = $1 and id = $2",
            default, server.Tenant(slug).Id.Value, id, envelope is null ? DBNull.Value : envelope));
    }
}
