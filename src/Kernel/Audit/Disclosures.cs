using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit;

/// <summary>What discloses one value of an entry.</summary>
/// <param name="Before">JSON; <c>null</c> where there was nothing.</param>
/// <param name="After">Likewise.</param>
/// <param name="Text">What is shown to an auditor: base64url of the array of salt, field, before and after.</param>
/// <param name="Digest">That the entry has of it.</param>
public sealed record Disclosure(string Field, string Before, string After, string Text, string Digest);

public enum DisclosureState
{
    Open,

    /// <summary>The person that the record was about was forgotten, or its record deleted: nobody discloses these any more.</summary>
    Erased,

    /// <summary>The envelope is not the one that was written: somebody edited the row.</summary>
    Damaged,
}

/// <param name="Values">None unless open.</param>
public sealed record EntryDisclosures(DisclosureState State, IReadOnlyList<Disclosure> Values);

/// <summary>Opens what discloses the values of entries (docs/formats/audit-log.md). Whoever shows one leaves an entry.</summary>
public sealed class Disclosures
{
    private readonly TenantDatabase _database;
    private readonly KeyRing _keys;

    internal Disclosures(TenantDatabase database, KeyRing keys)
    {
        _database = database;
        _keys = keys;
    }

    /// <summary>Tables of the log whose envelopes are brought under current keys as those of the app are.</summary>
    public static RewriteTable Table => EntryValues.Disclosures;

    /// <summary>Throws as <see cref="OpenAsync"/> does when the tenant's keys are not there.</summary>
    public async Task RequireKeysAsync(TenantId tenant, CancellationToken cancellationToken) =>
        await _keys.OpenAsync(tenant, EntryValues.KeyName, cancellationToken);

    /// <returns>By entry; an entry without values is left out.</returns>
    /// <exception cref="TenantFault">The data or the keys could not be reached.</exception>
    public async Task<IReadOnlyDictionary<Guid, EntryDisclosures>> OpenAsync(
        RequestContext context, Guid[] entries, CancellationToken cancellationToken)
    {
        var keys = await _keys.OpenAsync(context.Tenant, EntryValues.KeyName, cancellationToken);
        var found = new Dictionary<Guid, EntryDisclosures>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select id, {SubjectKey.Column} is not null, {SubjectKey.Beside(EntryValues.Disclosures.Fields[0].Envelope)}
                    from {Place.Core}.audit_disclosure where id = any({SqlValue.Uuids(entries)})
                    """),
                // Only with a person's key does anybody erase one.
                row => found[row.Uuid(0)] = row.IsNull(2)
                    ? new(row.Boolean(1) ? DisclosureState.Erased : DisclosureState.Damaged, [])
                    : Open(keys, row.Uuid(0), row.Bytes(2), row.Boolean(1))),
            cancellationToken);
        return found;
    }

    private static EntryDisclosures Open(RecordKeys keys, Guid entry, byte[] stored, bool isOfPerson)
    {
        try
        {
            return EntryValues.Open(keys, entry, stored, isOfPerson) is { } values
                ? new(DisclosureState.Open, values)
                : new(DisclosureState.Erased, []);
        }
        catch (TenantFault fault) when (fault.Kind == TenantFaultKind.RecordDamaged)
        {
            return new(DisclosureState.Damaged, []);
        }
    }
}
