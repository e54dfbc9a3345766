using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>A table whose rows are about persons who have keys, as the app's version in force describes it.</summary>
/// <param name="Entity">As the app calls it.</param>
/// <param name="Sealed">Its sealed fields.</param>
/// <param name="Clear">Names of fields of class personal or above that are not sealed: no key covers them.</param>
public sealed record SubjectTable(
    SqlName Table, string Entity, ImmutableArray<SealedFieldDefinition> Sealed, ImmutableArray<string> Clear);

/// <param name="Receipt">
/// Null until no key of the installation opens a copy of the person's key any more: the background sees to it within minutes.
/// </param>
public sealed record SubjectErased(Guid Subject, string Entity, DateTimeOffset ErasedAt, string ErasedBy, Receipt? Receipt);

/// <summary>
/// Erasure of one person by destroying the person's key. What it sealed is unreadable from the commit on. The tenant's subject key, which
/// wrapped it in backups, is then replaced, the keys of all others are wrapped anew, and the old one is forgotten: from there on nothing
/// but a backup of the control database, as long as the root of then lives, could open a backup of these rows; the receipt says how long.
/// </summary>
public sealed class SubjectErasure
{
    private const string Action = "keys.erase";
    private const int Batch = 500;
    private const int CertifiedAtATime = 100;

    private readonly KeyCustody _custody;
    private readonly KeyDestruction _destruction;
    private readonly TenantDatabase _database;
    private readonly KeyRing _keys;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal SubjectErasure(
        KeyCustody custody, KeyDestruction destruction, TenantDatabase database, KeyRing keys, KernelOptions options, TimeProvider time)
    {
        _custody = custody;
        _destruction = destruction;
        _database = database;
        _keys = keys;
        _options = options;
        _time = time;
    }

    /// <summary>Destroys the person's key, with what is sealed under it and the blind indexes of it. Harmless when repeated.</summary>
    /// <param name="tables">Of all entities that are about such persons.</param>
    /// <returns>Null when no such person has a key.</returns>
    public async Task<SubjectErased?> EraseAsync(
        RequestContext context, string entity, Guid subject, IReadOnlyList<SubjectTable> tables, CancellationToken cancellationToken)
    {
        var now = SqlValue.Timestamp(_time.GetUtcNow().UtcDateTime);
        var id = SqlValue.Uuid(subject);
        var work = new TenantWork()
            // Whoever writes about the person is waited for here, so that the counts below see it.
            .Read(Sql.Of($"select subject from {Place.Core}.subject_key where subject = {id} for update"), static _ => { })
            .Change(
                Sql.Of($"""
                    update {Place.Core}.subject_key set wrapped = null, erased_at = {now}, erased_by = {SqlValue.Text(Name(context.Actor))},
                        erased_version = (get_byte(wrapped, 1)::bigint << 24) + (get_byte(wrapped, 2) << 16) + (get_byte(wrapped, 3) << 8)
                            + get_byte(wrapped, 4),
                        unreadable = {Unreadable(tables, id)}
                    where subject = {id} and entity = {SqlValue.Text(entity)} and wrapped is not null returning subject as id
                    """),
                new AuditEvent(Action) { Entity = entity });
        foreach (var table in tables)
        {
            var sets = Sql.Join("", table.Sealed.Select(f => f.Envelope).Concat(table.Sealed.Select(f => f.Index).OfType<SqlName>())
                .Distinct().Select(column => Sql.Of($", {column} = null")));
            work.Also(Sql.Of($"""
                update {Place.App}.{table.Table} t set version = gen_random_uuid(), updated_at = {now}{sets}
                where t.{SubjectKey.Column} = {id} and exists (
                    select 1 from {Place.Core}.subject_key k where k.subject = {id} and k.erased_at = {now})
                """));
        }

        work.Also(Sql.Of($"delete from {Place.Core}.idempotency where subject = {id}"));
        await _database.RunAsync(context, work, cancellationToken);
        return await FindAsync(context, entity, subject, cancellationToken);
    }

    /// <summary>Null when the person was not erased, or is none.</summary>
    public async Task<SubjectErased?> FindAsync(
        RequestContext context, string entity, Guid subject, CancellationToken cancellationToken)
    {
        SubjectErased? found = null;
        Receipt? receipt = null;
        var receiptKey = 0;
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select erased_at, erased_by, receipt, receipt_key, ecdsa_p256, ml_dsa_65, no_ml_dsa_65 from {Place.Core}.subject_key
                    where subject = {SqlValue.Uuid(subject)} and entity = {SqlValue.Text(entity)} and erased_at is not null
                    """),
                row =>
                {
                    found = new(subject, entity, row.Timestamp(0), row.Text(1), null);
                    if (!row.IsNull(2))
                    {
                        receiptKey = (int)row.Integer(3);
                        receipt = new(
                            row.Text(2), [], row.Bytes(4), row.IsNull(5) ? null : row.Bytes(5), row.IsNull(6) ? null : row.Text(6));
                    }
                }),
            cancellationToken);
        return found is not null && receipt is not null
            ? found with { Receipt = receipt with { PublicKey = await _destruction.PublicKeyAsync(receiptKey, cancellationToken) } }
            : found;
    }

    /// <summary>
    /// What is left to do after erasures, and after a rotation of the tenant's subject key: wraps the keys of all others anew, forgets the
    /// older subject key, writes receipts. Goes on where an earlier call stopped.
    /// </summary>
    /// <param name="context">Of the platform, with the app's version in force.</param>
    public async Task TendAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var versions = await _custody.SubjectVersionsAsync(context.Tenant, cancellationToken);
        var waiting = await WaitingAsync(context, cancellationToken);
        if (versions.Length == 1 && waiting.Exists(w => w.Version >= versions[0].Version))
        {
            await _custody.RotateAsync(context, TenantKeyRotation.Subject, cancellationToken);
        }
        else if (versions.Length > 1 && versions[^1].ActiveAt <= _time.GetUtcNow() - _options.KeySettling)
        {
            while (await WrapAnewAsync(context, versions[^1].Version, cancellationToken) == Batch)
            {
            }

            if (!await HasOlderAsync(context, versions[^1].Version, cancellationToken))
            {
                await _custody.RetireSubjectKeysAsync(context, versions[^1].Version, cancellationToken);
                versions = [versions[^1]];
            }
        }

        foreach (var erased in waiting.Where(w => versions.Length > 0 && w.Version < versions[0].Version))
        {
            await CertifyAsync(context, erased, cancellationToken);
        }
    }

    private static string Name(Actor actor) => $"{actor.Kind.ToString().ToLowerInvariant()} {actor.Id}";

    /// <summary>Canonical JSON, made by the database with its counts: entities in order, each {clear, fields, records}.</summary>
    private static Sql Unreadable(IReadOnlyList<SubjectTable> tables, SqlValue subject)
    {
        var parts = new List<Sql>();
        foreach (var table in tables.OrderBy(t => t.Entity, StringComparer.Ordinal))
        {
            var json = new StringBuilder(parts.Count == 0 ? "{" : ",").Append('"').Append(table.Entity).Append("\":{");
            json.AppendName("clear").AppendStrings(table.Clear.Order(StringComparer.Ordinal));
            json.AppendName("fields").AppendStrings(table.Sealed.Select(f => f.Name).Order(StringComparer.Ordinal));
            json.AppendName("records");
            parts.Add(Sql.Of($"""
                {SqlValue.Text(json.ToString())} || (select count(*) from {Place.App}.{table.Table} t
                where t.{SubjectKey.Column} = {subject})::text || {SqlValue.Text("}")}
                """));
        }

        parts.Add(Sql.Of($"{SqlValue.Text(parts.Count == 0 ? "{}" : "}")}"));
        return Sql.Join(" || ", parts);
    }

    private async Task<List<Waiting>> WaitingAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var waiting = new List<Waiting>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select subject, entity, erased_at, erased_by, erased_version, unreadable from {Place.Core}.subject_key
                    where erased_at is not null and receipt is null order by subject limit {SqlValue.Integer(CertifiedAtATime)}
                    """),
                row => waiting.Add(new(
                    row.Uuid(0), row.Text(1), row.Timestamp(2), row.Text(3), (int)row.Integer(4), row.Text(5)))),
            cancellationToken);
        return waiting;
    }

    /// <returns>How many were found.</returns>
    private async Task<int> WrapAnewAsync(RequestContext context, int version, CancellationToken cancellationToken)
    {
        var keys = await _keys.OpenSubjectsAsync(context.Tenant, cancellationToken);
        if (keys.Version != version)
        {
            return 0;
        }

        var (ids, old, anew) = (new List<Guid>(), new List<byte[]?>(), new List<byte[]?>());
        var wrapped = Sql.Of($"wrapped");
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select subject, wrapped from {Place.Core}.subject_key where {SubjectKey.IsOlderThan(wrapped, version)}
                    limit {SqlValue.Integer(Batch)}
                    """),
                row =>
                {
                    ids.Add(row.Uuid(0));
                    old.Add(row.Bytes(1));
                    anew.Add(keys.WrapAnew(ids[^1], old[^1]));
                }),
            cancellationToken);
        if (ids.Count > 0)
        {
            await _database.RunAsync(
                context,
                new TenantWork().Change(
                    Sql.Of($"""
                        update {Place.Core}.subject_key k set wrapped = u.anew
                        from unnest({SqlValue.Uuids([.. ids])}, {SqlValue.BytesArray([.. old])}, {SqlValue.BytesArray([.. anew])})
                            as u(id, old, anew)
                        where k.subject = u.id and k.wrapped = u.old returning k.subject as id
                        """),
                    new AuditEvent("keys.rewrap") { Records = AuditRecords.CountAndDigest }),
                cancellationToken);
        }

        return ids.Count;
    }

    private async Task<bool> HasOlderAsync(RequestContext context, int version, CancellationToken cancellationToken)
    {
        var found = false;
        var wrapped = Sql.Of($"wrapped");
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"select 1::bigint from {Place.Core}.subject_key where {SubjectKey.IsOlderThan(wrapped, version)} limit 1"),
                _ => found = true),
            cancellationToken);
        return found;
    }

    private async Task CertifyAsync(RequestContext context, Waiting erased, CancellationToken cancellationToken)
    {
        var signed = await _destruction.SignAsync(
            lastBackup =>
            {
                var json = new StringBuilder("{");
                json.AppendMember("entity", erased.Entity);
                json.AppendMember("erasedAt", KeyDestruction.Text(erased.At));
                json.AppendMember("erasedBy", erased.By);
                json.AppendMember("lastBackupExpires", lastBackup);
                json.AppendMember("subject", erased.Subject.ToString());
                json.AppendMember("tenant", context.Tenant.ToString());
                json.AppendMember("type", "bulkhead/v1 destruction of a person's key");
                json.AppendName("unreadable").Append(erased.Unreadable);
                json.AppendMember("wrappedBy", string.Create(CultureInfo.InvariantCulture, $"subject key {erased.Version}"));
                return json.Append('}').ToString();
            },
            cancellationToken);
        await _database.RunAsync(
            context,
            new TenantWork().Change(
                Sql.Of($"""
                    update {Place.Core}.subject_key set receipt = {SqlValue.Text(signed.Receipt.Text)},
                        receipt_key = {SqlValue.Integer(signed.KeyVersion)}, ecdsa_p256 = {SqlValue.Bytes(signed.Receipt.EcdsaP256)},
                        ml_dsa_65 = {SqlValue.Bytes(signed.Receipt.MlDsa65)}, no_ml_dsa_65 = {SqlValue.Text(signed.Receipt.WhyNoMlDsa65)}
                    where subject = {SqlValue.Uuid(erased.Subject)} and receipt is null returning subject as id
                    """),
                new AuditEvent("keys.erase.receipt") { Entity = erased.Entity }),
            cancellationToken);
    }

    private sealed record Waiting(Guid Subject, string Entity, DateTimeOffset At, string By, int Version, string Unreadable);
}
