using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>Rows of an entity on their way under the tenant's current keys.</summary>
/// <param name="Position">Where the walk goes on; null at its beginning.</param>
/// <param name="FinishedAt">When a whole walk found nothing left.</param>
public sealed record RewriteState(string Entity, Guid? Position, long Seen, long Rewritten, DateTimeOffset BegunAt, DateTimeOffset? FinishedAt);

/// <summary>
/// What is due of the life of keys, and how far it is. One process of the installation tends to it at a time; when it dies, the next one
/// goes on where it was.
/// </summary>
public sealed class KeySchedule
{
    private static readonly Actor Self = new(ActorKind.Platform, "key schedule", []);

    private readonly KeyCustody _custody;
    private readonly Catalogue _catalogue;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal KeySchedule(KeyCustody custody, Catalogue catalogue, KernelOptions options, TimeProvider time)
    {
        _custody = custody;
        _catalogue = catalogue;
        _options = options;
        _time = time;
    }

    /// <summary>How often to look.</summary>
    public TimeSpan Period => _options.KeyUpkeep;

    /// <summary>What the schedule does itself is done under this name.</summary>
    public static RequestContext ContextOf(TenantEntry tenant) => new(tenant.Id, Self, "key-schedule", $"{tenant.App}@{tenant.AppVersion}");

    /// <summary>The right to tend to keys, until it is disposed or this process dies; null when another process has it.</summary>
    public async Task<IAsyncDisposable?> TryLeadAsync(CancellationToken cancellationToken)
    {
        if (!_custody.IsAvailable)
        {
            return null;
        }

        var control = await _custody.OpenAsync(cancellationToken);
        if (await control.ScalarAsync<bool>(
            "select pg_try_advisory_lock(hashtextextended('bulkhead key schedule', 3))", cancellationToken))
        {
            return control;
        }

        await control.DisposeAsync();
        return null;
    }

    /// <summary>Finishes a rotation of the root, begins one when the root is old, and destroys what is due.</summary>
    public async Task TendRootsAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var inUse = (await _custody.RootsAsync(cancellationToken)).Where(r => r.RetiredAt is null).ToList();
        if (inUse.Count > 1 || inUse.Any(r => now - r.CreatedAt >= _options.RootEpoch))
        {
            await _custody.RotateRootAsync(Self, "key-schedule", null, cancellationToken);
        }

        await _custody.DestroyDueRootsAsync(Self, "key-schedule", cancellationToken);
    }

    /// <summary>Rotations whose time has come, of tenants that are in service and whose data is open.</summary>
    public ImmutableArray<(TenantEntry Tenant, TenantKeyRotation What)> Due()
    {
        var now = _time.GetUtcNow();
        var due = ImmutableArray.CreateBuilder<(TenantEntry, TenantKeyRotation)>();
        foreach (var (tenant, keys) in Open())
        {
            if (keys.Epochs.All(e => now - e.ActiveAt >= _options.DataKeyAge))
            {
                due.Add((tenant, TenantKeyRotation.Data));
            }

            foreach (var (purpose, what) in new[]
            {
                (KeyPurpose.Data, TenantKeyRotation.Tenant),
                (KeyPurpose.Index, TenantKeyRotation.Index),
                (KeyPurpose.Subject, TenantKeyRotation.Subject),
            })
            {
                if (keys.Of(purpose).All(k => now - k.ActiveAt >= _options.TenantKeyAge))
                {
                    due.Add((tenant, what));
                }
            }
        }

        return due.ToImmutable();
    }

    /// <summary>
    /// Tenants that have rows under older keys, with the epoch and the index version that all rows shall be under. Only when no process
    /// can write under older ones any more: one that has not read the catalogue for so long refuses to seal.
    /// </summary>
    public ImmutableArray<(TenantEntry Tenant, int Epoch, int IndexVersion)> Behind()
    {
        var settled = _time.GetUtcNow() - _options.KeySettling;
        var behind = ImmutableArray.CreateBuilder<(TenantEntry, int, int)>();
        foreach (var (tenant, keys) in Open())
        {
            var index = keys.Of(KeyPurpose.Index).ToList();
            if ((keys.Epochs.Length > 1 || index.Count > 1) && keys.Epochs[^1].ActiveAt <= settled && index[^1].ActiveAt <= settled)
            {
                behind.Add((tenant, keys.Epochs[^1].Epoch, index[^1].Version));
            }
        }

        return behind.ToImmutable();
    }

    /// <summary>How far the entities of a tenant are, towards its newest keys.</summary>
    public async Task<ImmutableArray<RewriteState>> ProgressAsync(
        TenantId tenant, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        await using var control = await _custody.OpenAsync(cancellationToken);
        return
        [
            .. await control.ListAsync(
                """
                select entity, position, seen, rewritten, begun_at, finished_at from control.key_rewrite
                where tenant_id = $1 and epoch = $2 and index_version = $3 order by entity
                """,
                r => new RewriteState(
                    r.GetString(0),
                    r.IsDBNull(1) ? null : r.GetGuid(1),
                    r.GetInt64(2),
                    r.GetInt64(3),
                    r.GetFieldValue<DateTimeOffset>(4),
                    r.IsDBNull(5) ? null : r.GetFieldValue<DateTimeOffset>(5)),
                cancellationToken, tenant.Value, epoch, indexVersion),
        ];
    }

    /// <summary>Keeps what a batch did. A walk that ends and found nothing stale is the last one.</summary>
    public async Task KeepAsync(
        TenantId tenant, int epoch, int indexVersion, string entity, RewriteProgress batch, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        await using var control = await _custody.OpenAsync(cancellationToken);
        await control.RunAsync(
            """
            insert into control.key_rewrite as k (tenant_id, epoch, index_version, entity, begun_at) values ($1, $2, $3, $4, $5)
            on conflict do nothing
            """,
            cancellationToken, tenant.Value, epoch, indexVersion, entity, now);
        await control.RunAsync(
            """
            update control.key_rewrite set position = nullif($5, '00000000-0000-0000-0000-000000000000'::uuid), seen = seen + $6,
                rewritten = rewritten + $7, stale = case when $9 then 0 else stale + $8 end,
                finished_at = case when $9 and stale + $8 = 0 then $10 end
            where tenant_id = $1 and epoch = $2 and index_version = $3 and entity = $4
            """,
            cancellationToken,
            tenant.Value,
            epoch,
            indexVersion,
            entity,
            batch.After ?? Guid.Empty,
            (long)batch.Seen,
            (long)batch.Rewritten,
            (long)(batch.Rewritten + batch.Left),
            batch.After is null,
            now);
    }

    /// <summary>Forgets older keys: every row, and every kept answer, is under the newest.</summary>
    public async Task<int> RetireAsync(TenantEntry tenant, int epoch, int indexVersion, CancellationToken cancellationToken)
    {
        var retired = await _custody.RetireAsync(ContextOf(tenant), epoch, indexVersion, cancellationToken);
        await using var control = await _custody.OpenAsync(cancellationToken);
        await control.RunAsync("delete from control.key_rewrite where tenant_id = $1", cancellationToken, tenant.Id.Value);
        return retired;
    }

    /// <summary>Tenants that are in service and whose data is open.</summary>
    public IEnumerable<TenantEntry> Tended() => Open().Select(t => t.Tenant);

    private IEnumerable<(TenantEntry Tenant, TenantKeys Keys)> Open()
    {
        var catalogue = _catalogue.Current;
        foreach (var (id, keys) in catalogue.Keys)
        {
            if (!keys.IsRevoked && !keys.Epochs.IsEmpty && catalogue.Tenants.TryGetValue(id, out var tenant)
                && tenant.Status == TenantStatus.Active)
            {
                yield return (tenant, keys);
            }
        }
    }
}
