using System.Buffers.Binary;
using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// A person's own key, without which nothing that is sealed about the person opens. It lies wrapped beside the tenant's rows (table
/// <c>subject_key</c>) and is read in the statement that reads the rows: once it is gone there, no cache opens anything any more.
/// Shape of a wrapped one: format (1 byte, 3), version of the tenant's subject key (4, big endian), the person's id (16), nonce (24),
/// sealed key (48), commitment (32).
/// </summary>
public static class SubjectKey
{
    /// <summary>Bytes of a wrapped one.</summary>
    public const int Length = CommitmentPlace + HMACSHA256.HashSizeInBytes;

    internal const byte Format = 3;
    internal const int VersionPlace = 1;
    internal const int SubjectPlace = VersionPlace + 4;
    internal const int NoncePlace = SubjectPlace + 16;
    internal const int SealedPlace = NoncePlace + Xaes.NonceLength;
    internal const int CommitmentPlace = SealedPlace + SecretKey.Length + Xaes.TagLength;

    /// <summary>Name of the keys that an erasure is asked of; no entity has a name like this.</summary>
    public const string KeyName = "(subject)";

    /// <summary>The column by which a row names its person.</summary>
    public static SqlName Column { get; } = SqlName.Of("_subject");

    /// <summary>Of the row at hand: the wrapped key of its person; empty when it was erased.</summary>
    public static Sql OfRow { get; } =
        Sql.Of($"coalesce((select k.wrapped from {Place.Core}.subject_key k where k.subject = {Column}), ''::bytea)");

    /// <summary>An envelope of the row at hand with the wrapped key of its person before it, as <see cref="RecordKeys"/> opens it.</summary>
    public static Sql Beside(SqlName envelope) => Sql.Of($"{OfRow} || {envelope}");

    /// <summary>Says that it is this person's. What lies in a row of the table may have been put there from another.</summary>
    public static bool IsOf(Guid subject, ReadOnlySpan<byte> wrapped) => wrapped.Length == Length && SubjectOf(wrapped) == subject;

    /// <summary>Version of the tenant's subject key that wraps it; 0 when it is none.</summary>
    internal static int VersionOf(ReadOnlySpan<byte> wrapped) => wrapped.Length == Length && wrapped[0] == Format
        ? BinaryPrimitives.ReadInt32BigEndian(wrapped[VersionPlace..])
        : 0;

    internal static Guid SubjectOf(ReadOnlySpan<byte> wrapped) => new(wrapped.Slice(SubjectPlace, 16), bigEndian: true);

    /// <summary>Is wrapped by an older version. The place is that of <see cref="VersionOf"/>.</summary>
    internal static Sql IsOlderThan(Sql wrapped, int version)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, version);
        return Sql.Of($"substring({wrapped} from 2 for 4) < {SqlValue.Bytes(bytes)}");
    }
}

/// <summary>The tenant's subject keys, unwrapped: they wrap the keys of persons.</summary>
/// <param name="version">That wraps new ones; older ones still open.</param>
/// <param name="keys">They stay the caller's.</param>
internal sealed class SubjectKeys(TenantId tenant, int version, IReadOnlyDictionary<int, SecretKey> keys) : IDisposable
{
    private readonly Dictionary<int, Xaes> _ciphers = keys.ToDictionary(k => k.Key, k => new Xaes(k.Value.Bytes));

    public int Version => version;

    public byte[] New(Guid subject)
    {
        using var key = SecretKey.Random();
        return Wrap(subject, key);
    }

    public byte[] Wrap(Guid subject, SecretKey key)
    {
        var wrapped = new byte[SubjectKey.Length];
        wrapped[0] = SubjectKey.Format;
        BinaryPrimitives.WriteInt32BigEndian(wrapped.AsSpan(SubjectKey.VersionPlace), version);
        subject.TryWriteBytes(wrapped.AsSpan(SubjectKey.SubjectPlace), bigEndian: true, out _);
        var nonce = wrapped.AsSpan(SubjectKey.NoncePlace, Xaes.NonceLength);
        Nonces.Fill(nonce);
        _ciphers[version].Seal(
            nonce,
            key.Bytes,
            Associated(subject, version),
            wrapped.AsSpan(SubjectKey.SealedPlace, SubjectKey.CommitmentPlace - SubjectKey.SealedPlace));
        key.Commitment().CopyTo(wrapped, SubjectKey.CommitmentPlace);
        return wrapped;
    }

    /// <summary>The same key under the current version.</summary>
    /// <exception cref="TenantFault">
    /// As of <see cref="Unwrap"/>; or it is another person's (RecordDamaged): wrapped anew as this one's it would outlive its erasure.
    /// </exception>
    public byte[] WrapAnew(Guid subject, ReadOnlySpan<byte> wrapped)
    {
        using var key = Unwrap(wrapped);
        return SubjectKey.IsOf(subject, wrapped)
            ? Wrap(subject, key)
            : throw new TenantFault(TenantFaultKind.RecordDamaged) { Place = new(tenant, SubjectKey.KeyName, subject) };
    }

    /// <exception cref="TenantFault">
    /// It was changed or is of another tenant (RecordDamaged), or what wraps it is not known here (yet, or any more: KeysUnavailable).
    /// </exception>
    public SecretKey Unwrap(ReadOnlySpan<byte> wrapped)
    {
        var by = SubjectKey.VersionOf(wrapped);
        if (by == 0)
        {
            throw new TenantFault(TenantFaultKind.RecordDamaged);
        }

        if (!_ciphers.TryGetValue(by, out var cipher))
        {
            throw new TenantFault(TenantFaultKind.KeysUnavailable);
        }

        Span<byte> bytes = stackalloc byte[SecretKey.Length];
        try
        {
            if (!cipher.TryOpen(
                wrapped.Slice(SubjectKey.NoncePlace, Xaes.NonceLength),
                wrapped[SubjectKey.SealedPlace..SubjectKey.CommitmentPlace],
                Associated(SubjectKey.SubjectOf(wrapped), by),
                bytes))
            {
                throw new TenantFault(TenantFaultKind.RecordDamaged);
            }

            var key = SecretKey.CopyOf(bytes);
            if (key.Matches(wrapped[SubjectKey.CommitmentPlace..]))
            {
                return key;
            }

            key.Dispose();
            throw new TenantFault(TenantFaultKind.RecordDamaged);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    public void Dispose()
    {
        foreach (var cipher in _ciphers.Values)
        {
            cipher.Dispose();
        }
    }

    private byte[] Associated(Guid subject, int by) =>
        new KeyContext(SubjectKey.KeyName).Add(tenant.Value).Add(subject).Add(by).Bytes.ToArray();
}
