using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The only door to a tenant's data, whatever its isolation.</summary>
public sealed class TenantDatabase
{
    // The app's version too: tables whose envelopes changed are closed to a process that still serves an older one.
    private const string Present = "select set_config('bulkhead.capability', $1, true), set_config('bulkhead.app', $2, true)";

    private readonly Catalogue _catalogue;
    private readonly TenantPools _pools;
    private readonly KeyRing _keys;
    private readonly EntryMacs _macs;
    private readonly TimeProvider _time;

    internal TenantDatabase(Catalogue catalogue, TenantPools pools, KeyRing keys, EntryMacs macs, TimeProvider time)
    {
        _catalogue = catalogue;
        _pools = pools;
        _keys = keys;
        _macs = macs;
        _time = time;
    }

    /// <summary>
    /// Runs the work in one transaction and one round trip; returns after the commit. Nothing that a sink collected may be
    /// sent before that.
    /// </summary>
    /// <exception cref="TenantFault">The data could not be reached.</exception>
    public async Task<WorkResult> RunAsync(RequestContext context, TenantWork work, CancellationToken cancellationToken)
    {
        var snapshot = _catalogue.Current;
        if (!snapshot.Tenants.TryGetValue(context.Tenant, out var tenant)
            || !snapshot.Capabilities.TryGetValue(context.Tenant, out var capability))
        {
            throw new TenantFault(TenantFaultKind.Unknown);
        }

        var touchesData = work.Steps.Exists(s => s.Statement is { TouchesData: true });
        if (touchesData)
        {
            RequireOpen(context.Tenant);
        }

        var keys = new EntryKeys(
            await OpenAsync(work, EntryParts.Commitments, EntryCommitments.KeyName, context.Tenant, cancellationToken),
            await OpenAsync(work, EntryParts.Values, EntryValues.KeyName, context.Tenant, cancellationToken));
        var unit = tenant.Placement.Unit;
        for (var attempt = 1; ; attempt++)
        {
            var progress = new RunProgress();
            try
            {
                await using var lease = await _pools.OpenAsync(unit, cancellationToken);
                var result = await RunAsync(lease.Connection, unit, capability, context, work, keys, progress, cancellationToken);
                if (touchesData)
                {
                    // What was read before the tenant withdrew its keys is not shown after it.
                    RequireOpen(context.Tenant);
                }

                return result;
            }
            catch (PostgresException refused) when (DatabaseFaults.Violation(refused) is { } violation)
            {
                return new(0, violation);
            }
            catch (Exception fault) when (fault is NpgsqlException or System.Net.Sockets.SocketException or IOException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var kind = DatabaseFaults.Kind(fault);
                if (kind == TenantFaultKind.Unavailable)
                {
                    _pools.Clear(unit);

                    // After a restart of PostgreSQL every idle connection is dead once. A read of which nobody saw a row may run again.
                    if (attempt == 1 && !progress.RowSeen && work.Steps.TrueForAll(s => !s.Writes))
                    {
                        continue;
                    }
                }

                throw new TenantFault(kind, fault);
            }
        }
    }

    /// <summary>The database refuses too (see the policies in UnitSchema); this process knows it without asking.</summary>
    private void RequireOpen(TenantId tenant)
    {
        if (_catalogue.Current.Keys.TryGetValue(tenant, out var keys) && keys.IsRevoked)
        {
            throw new TenantFault(TenantFaultKind.KeysWithdrawn);
        }
    }

    private sealed class RunProgress
    {
        public bool RowSeen { get; set; }
    }

    private async Task<WorkResult> RunAsync(
        NpgsqlConnection connection,
        Unit unit,
        Guid capability,
        RequestContext context,
        TenantWork work,
        EntryKeys keys,
        RunProgress progress,
        CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);

        // First of every transaction, and local to it: whatever the session holds, this transaction acts for this tenant.
        var present = new NpgsqlBatchCommand(Present);
        present.Parameters.Add(new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = capability.ToString() });
        present.Parameters.Add(new NpgsqlParameter<string> { NpgsqlDbType = NpgsqlDbType.Text, TypedValue = context.App });
        batch.BatchCommands.Add(present);
        var now = _time.GetUtcNow();

        // Several reads of one work show one moment; still one round trip.
        var oneSnapshot = work.Steps.Count > 1 && work.Steps.TrueForAll(s => !s.Writes);
        if (oneSnapshot)
        {
            batch.BatchCommands.Insert(0, new NpgsqlBatchCommand("begin isolation level repeatable read"));
        }

        for (var i = 0; i < work.Steps.Count; i++)
        {
            var alone = i;
            while (alone < work.Steps.Count && work.Steps[alone].Statement is null)
            {
                alone++;
            }

            if (alone == i)
            {
                Add(batch, work.Steps[i], unit, context, keys, now);
            }
            else
            {
                batch.BatchCommands.Add(EntriesAlone.Of(work.Steps.GetRange(i, alone - i), unit, context, keys.Openings, _macs, now));
                i = alone - 1;
            }
        }

        if (oneSnapshot)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("commit"));
        }

        var changed = 0;
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        foreach (var step in work.Steps)
        {
            if (!step.HasRows)
            {
                continue;
            }

            if (!await reader.NextResultAsync(cancellationToken))
            {
                throw new InvalidOperationException("A statement of this work answered without rows where it promised some.");
            }

            while (await reader.ReadAsync(cancellationToken))
            {
                progress.RowSeen = true;
                step.Sink?.Invoke(new Row(reader));
                changed += step.Writes ? 1 : 0;
            }
        }

        // The commit's own failure arrives here, after the last statement.
        if (await reader.NextResultAsync(cancellationToken))
        {
            throw new InvalidOperationException("A statement of this work answered with rows that nobody takes.");
        }

        return new(changed, null);
    }

    private async ValueTask<RecordKeys?> OpenAsync(
        TenantWork work, EntryParts part, string name, TenantId tenant, CancellationToken cancellationToken)
    {
        foreach (var step in work.Steps)
        {
            if ((step.Parts & part) != 0)
            {
                return await _keys.OpenAsync(tenant, name, cancellationToken);
            }
        }

        return null;
    }

    private void Add(
        NpgsqlBatch batch, in WorkStep step, Unit unit, RequestContext context, EntryKeys keys, DateTimeOffset now)
    {
        var text = step.Statement!.Render(unit, step.Shape, step.Parts);
        var values = step.Parts.HasFlag(EntryParts.Values) ? EntryValues.Of(step.Audit!.Values!) : null;
        var entry = step.Audit is null
            ? default
            : AuditEntry.Of(
                context,
                step.Audit,
                now,
                hasRecords: step.Audit.Records != AuditRecords.None,
                values?.Digests);
        var commitments = step.Parts.HasFlag(EntryParts.Commitments)
            ? EntryCommitments.Of(step.Audit!, entry.Id, keys.Openings!)
            : null;
        var command = new NpgsqlBatchCommand(text.Text);
        foreach (var binding in text.Bindings)
        {
            command.Parameters.Add(binding.Kind switch
            {
                SqlBindingKind.Tenant => SqlValue.Uuid(context.Tenant.Value).ToParameter(),
                SqlBindingKind.Value => binding.Value.ToParameter(),
                SqlBindingKind.Slot => step.Arguments![binding.Slot].ToParameter(),
                SqlBindingKind.EntryMac => (commitments is null
                    ? SqlValue.Bytes(_macs.Of(context.Tenant, entry, [""])[0])
                    : SqlValue.BytesArray(_macs.Of(context.Tenant, entry, commitments.Texts))).ToParameter(),
                SqlBindingKind.EntryDisclosure => SqlValue.Bytes(values!.Seal(entry.Id, keys.Disclosures!)).ToParameter(),
                SqlBindingKind.EntrySubject => SqlValue.Uuid(values!.Subject).ToParameter(),
                _ => EntryValue(binding.Kind, entry, commitments).ToParameter(),
            });
        }

        batch.BatchCommands.Add(command);
    }

    private static SqlValue EntryValue(SqlBindingKind kind, in AuditEntry entry, EntryCommitments? commitments) => kind switch
    {
        SqlBindingKind.EntryId => SqlValue.Uuid(entry.Id),
        SqlBindingKind.EntryAt => SqlValue.Timestamp(entry.At),
        SqlBindingKind.EntryActor => SqlValue.Text(entry.Actor),
        SqlBindingKind.EntryAction => SqlValue.Text(entry.Event.Action),
        SqlBindingKind.EntryEntity => SqlValue.Text(entry.Event.Entity),
        SqlBindingKind.EntryResult => SqlValue.Text(entry.Result),
        SqlBindingKind.EntryHead => SqlValue.Text(entry.Head),
        SqlBindingKind.EntryTail => SqlValue.Text(entry.Tail),
        SqlBindingKind.EntryCommitments => SqlValue.Texts(commitments!.Texts),
        SqlBindingKind.EntryRecords => SqlValue.Integer(commitments!.Records),
        SqlBindingKind.EntryOpening => SqlValue.Bytes(commitments!.Opening),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>Of what is kept beside entries; null where none of the work has it.</summary>
    private sealed record EntryKeys(RecordKeys? Openings, RecordKeys? Disclosures);
}
