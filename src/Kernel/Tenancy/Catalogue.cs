using System.Collections.Frozen;
using System.Collections.Immutable;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Kernel.Tenancy;

public enum TenantStatus
{
    /// <summary>Being onboarded: has no data yet and serves nothing.</summary>
    Preparing,
    Active,
    Suspended,
}

/// <summary>A tenant as every process knows it. Holds no personal data and no open secret.</summary>
public sealed record TenantEntry(
    TenantId Id,
    string Slug,
    string Name,
    TenantStatus Status,
    string App,
    int AppVersion,
    Placement Placement,
    ImmutableArray<string> Hosts,
    ImmutableArray<PublicKey> SigningKeys)
{
    /// <summary>When the tenant withdrew its keys; null while its data is open.</summary>
    public DateTimeOffset? KeysWithdrawnAt { get; init; }
}

/// <summary>A public signing key as JWK (RFC 7517), ES256. The first of a list signs; the others still verify.</summary>
public sealed record PublicKey(string Kid, string Jwk);

/// <summary>An app at one version, as deployed. The manifest is compiled by Platform/Apps.</summary>
public sealed record AppRelease(string Name, int Version, string Manifest);

/// <summary>The catalogue at one generation: immutable, swapped whole.</summary>
public sealed class CatalogueSnapshot
{
    public static CatalogueSnapshot Empty { get; } = new();

    public long Generation { get; init; }

    public FrozenDictionary<TenantId, TenantEntry> Tenants { get; init; } = FrozenDictionary<TenantId, TenantEntry>.Empty;

    public FrozenDictionary<string, TenantEntry> BySlug { get; init; } = FrozenDictionary<string, TenantEntry>.Empty;

    /// <summary>By lower-case host name without port.</summary>
    public FrozenDictionary<string, TenantEntry> ByHost { get; init; } = FrozenDictionary<string, TenantEntry>.Empty;

    public ImmutableArray<AppRelease> Apps { get; init; } = [];

    public ImmutableArray<PublicKey> OperatorKeys { get; init; } = [];

    /// <summary>The token that a transaction of the tenant presents. Only active tenants have one here.</summary>
    internal FrozenDictionary<TenantId, Guid> Capabilities { get; init; } = FrozenDictionary<TenantId, Guid>.Empty;

    /// <summary>By issuer: a tenant's id, or the empty one for the operator.</summary>
    internal FrozenDictionary<Guid, SealedSigningKey> SigningKeys { get; init; } = FrozenDictionary<Guid, SealedSigningKey>.Empty;

    /// <summary>Wrapped keys of every tenant that has some.</summary>
    internal FrozenDictionary<TenantId, TenantKeys> Keys { get; init; } = FrozenDictionary<TenantId, TenantKeys>.Empty;

    /// <summary>Names the log of heads.</summary>
    public Guid Installation { get; init; }

    /// <summary>By tenant's id, or the empty one for the log of heads.</summary>
    internal FrozenDictionary<Guid, SealedLogKey> LogKeys { get; init; } = FrozenDictionary<Guid, SealedLogKey>.Empty;

    /// <summary>The login of the sealer, in every database; null before the first preparation.</summary>
    internal DatabaseLogin? Sealer { get; init; }

    /// <summary>By database that holds tenants' rows.</summary>
    internal FrozenDictionary<string, DatabaseLogin> Logins { get; init; } = FrozenDictionary<string, DatabaseLogin>.Empty;
}

/// <param name="PostQuantum">Of ML-DSA-44; null for a log that was made where OpenSSL lacks it.</param>
/// <param name="EntryKeySealed">Says of an entry that the platform wrote it; null for the log of heads.</param>
internal sealed record SealedLogKey(byte[] PublicKey, byte[] PrivateSealed, SealedLogKey? PostQuantum = null, byte[]? EntryKeySealed = null);

internal sealed record DatabaseLogin(string Database, string Role, byte[] PasswordSealed, bool IsCell);

/// <summary>What processes know of tenants and apps: read from the control database by generation, every 250 ms.</summary>
public sealed class Catalogue : IDisposable
{
    private readonly SemaphoreSlim _reading = new(1, 1);
    private readonly CatalogueReader _reader;
    private readonly TimeProvider _time;
    private CatalogueSnapshot _current = CatalogueSnapshot.Empty;
    private long _confirmed;

    internal Catalogue(CatalogueReader reader, TimeProvider time)
    {
        _reader = reader;
        _time = time;
    }

    /// <summary>Time since the control database last said that this is the catalogue.</summary>
    internal TimeSpan Age => _time.GetElapsedTime(Volatile.Read(ref _confirmed));

    public CatalogueSnapshot Current => Volatile.Read(ref _current);

    public void Dispose() => _reading.Dispose();

    /// <summary>Reads the catalogue now when its generation changed; for a process that has just changed it.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _reading.WaitAsync(cancellationToken);
        try
        {
            var asked = _time.GetTimestamp();
            var next = await _reader.ReadAsync(Current, cancellationToken);
            if (next is not null)
            {
                Volatile.Write(ref _current, next);
            }

            Volatile.Write(ref _confirmed, asked);
        }
        finally
        {
            _reading.Release();
        }
    }
}
