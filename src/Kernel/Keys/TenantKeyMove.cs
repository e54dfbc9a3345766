using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>A tenant's keys as the control database has them, the tenant keys opened.</summary>
internal sealed class OpenTenantKeys : IDisposable
{
    private OpenTenantKeys(
        ImmutableArray<(WrappedTenantKey Of, SecretKey Key)> tenantKeys, ImmutableArray<WrappedDataKey> epochs)
    {
        Data = tenantKeys.Last(k => k.Of.Purpose == KeyPurpose.Data);
        TenantKeys = tenantKeys;
        Epochs = epochs;
    }

    /// <summary>The newest tenant key of the rows.</summary>
    public (WrappedTenantKey Of, SecretKey Key) Data { get; }

    public ImmutableArray<(WrappedTenantKey Of, SecretKey Key)> TenantKeys { get; }

    public ImmutableArray<WrappedDataKey> Epochs { get; }

    /// <param name="service">Opens the keys that the tenant holds.</param>
    /// <param name="only">Leaves the other purposes wrapped; null opens all.</param>
    /// <exception cref="TenantFault">There are none: they were destroyed.</exception>
    /// <exception cref="KeyStoreFault">A store is away, or a key is not genuine.</exception>
    public static async Task<OpenTenantKeys> ReadAsync(
        NpgsqlConnection control,
        TenantId tenant,
        TenantKeyUnwrapping unwrapping,
        IKeyStore? service,
        KeyPurpose? only,
        CancellationToken cancellationToken)
    {
        var wrapped = await control.ListAsync(
            """
            select k.purpose, k.version, k.root, r.store, k.held_root, k.wrapped, k.commitment, k.active_at
            from control.tenant_key k left join control.key_root r on r.root = k.root
            where k.tenant_id = $1 order by k.purpose, k.version
            """,
            r => WrappedTenantKey.Read(r, 0), cancellationToken, tenant.Value);
        var epochs = await control.ListAsync(
            "select epoch, tenant_key_version, wrapped, commitment, active_at from control.data_key where tenant_id = $1 order by epoch",
            r => new WrappedDataKey(
                r.GetInt32(0), r.GetInt32(1), r.GetFieldValue<byte[]>(2), r.GetFieldValue<byte[]>(3), r.GetFieldValue<DateTimeOffset>(4)),
            cancellationToken,
            tenant.Value);
        if (!wrapped.Exists(k => k.Purpose == KeyPurpose.Data))
        {
            throw new TenantFault(TenantFaultKind.KeysDestroyed);
        }

        var opened = ImmutableArray.CreateBuilder<(WrappedTenantKey, SecretKey)>();
        try
        {
            foreach (var key in wrapped.Where(k => only is null || k.Purpose == only))
            {
                opened.Add((key, await unwrapping.UnwrapAsync(tenant, key, service, cancellationToken)));
            }
        }
        catch
        {
            foreach (var (_, key) in opened)
            {
                key.Dispose();
            }

            throw;
        }

        return new(opened.ToImmutable(), [.. epochs]);
    }

    public void Dispose()
    {
        foreach (var (_, key) in TenantKeys)
        {
            key.Dispose();
        }
    }
}

/// <summary>
/// A tenant's keys on their way to a holder, old or new: wrapped, and seen to open there, and not yet in the catalogue. The tenant key
/// of the rows is a fresh one, so that nothing is left of what the last holder could open; index and subject keys go as they are, since
/// others would not find the rows, or open the keys of persons.
/// </summary>
internal sealed class TenantKeyMove : IDisposable
{
    private readonly TenantId _tenant;
    private readonly OpenTenantKeys _keys;
    private readonly KeyHolder _to;
    private readonly SecretKey _fresh;
    private readonly byte[] _wrapped;
    private readonly ImmutableArray<(KeyPurpose Purpose, int Version, byte[] Wrapped)> _others;

    private TenantKeyMove(
        TenantId tenant,
        OpenTenantKeys keys,
        KeyHolder to,
        SecretKey fresh,
        byte[] wrapped,
        ImmutableArray<(KeyPurpose Purpose, int Version, byte[] Wrapped)> others)
    {
        _tenant = tenant;
        _keys = keys;
        _to = to;
        _fresh = fresh;
        _wrapped = wrapped;
        _others = others;
    }

    public int DataVersion => _keys.Data.Of.Version + 1;

    /// <param name="keys">The tenant key of the rows; and the others, where they move, too.</param>
    /// <param name="given">The fresh key; null makes one.</param>
    /// <exception cref="KeyStoreFault">The holder is away, or does not open what was wrapped for it.</exception>
    public static async Task<TenantKeyMove> PrepareAsync(
        TenantId tenant, OpenTenantKeys keys, KeyHolder to, SecretKey? given, CancellationToken cancellationToken)
    {
        var fresh = given is null ? SecretKey.Random() : SecretKey.CopyOf(given.Bytes);
        try
        {
            var wrapped = await to.WrapAsync(tenant, KeyPurpose.Data, keys.Data.Of.Version + 1, fresh, cancellationToken);
            var others = ImmutableArray.CreateBuilder<(KeyPurpose, int, byte[])>();
            foreach (var (of, key) in keys.TenantKeys.Where(k => k.Of.Purpose != KeyPurpose.Data))
            {
                others.Add((of.Purpose, of.Version, await to.WrapAsync(tenant, of.Purpose, of.Version, key, cancellationToken)));
            }

            return new(tenant, keys, to, fresh, wrapped, others.ToImmutable());
        }
        catch
        {
            fresh.Dispose();
            throw;
        }
    }

    /// <summary>Inside the caller's transaction. What the last holder wrapped is deleted.</summary>
    public async Task WriteAsync(NpgsqlConnection control, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await TenantKeyMaking.PutTenantKeyAsync(
            control, _tenant, KeyPurpose.Data, DataVersion, _to, _wrapped, _fresh, now, cancellationToken);
        foreach (var epoch in _keys.Epochs)
        {
            using var key = epoch.Unwrap(_keys.Data.Key, _tenant);
            await control.RunAsync(
                "update control.data_key set tenant_key_version = $3, wrapped = $4 where tenant_id = $1 and epoch = $2",
                cancellationToken,
                _tenant.Value,
                epoch.Epoch,
                DataVersion,
                WrappedDataKey.Wrap(_fresh, _tenant, epoch.Epoch, DataVersion, key));
        }

        await control.RunAsync(
            "delete from control.tenant_key where tenant_id = $1 and purpose = 'data' and version < $2",
            cancellationToken, _tenant.Value, DataVersion);
        foreach (var (purpose, version, wrapped) in _others)
        {
            await control.RunAsync(
                $"""
                update control.tenant_key
                set {(_to.IsTenant ? "root = null, held_root = $3" : "held_root = null, root = $3")}, wrapped = $4
                where tenant_id = $1 and purpose = $5 and version = $2
                """,
                cancellationToken, _tenant.Value, version, _to.Root, wrapped, purpose.Word());
        }
    }

    /// <summary>Inside the caller's transaction, after <see cref="WriteAsync"/>: a data key that the last holder never had over it.</summary>
    public Task AddDataKeyAsync(NpgsqlConnection control, DateTimeOffset activeAt, CancellationToken cancellationToken) =>
        TenantKeyMaking.AddDataKeyAsync(
            control, _tenant, _keys.Epochs[^1].Epoch + 1, _fresh, DataVersion, activeAt, cancellationToken);

    public void Dispose() => _fresh.Dispose();
}
