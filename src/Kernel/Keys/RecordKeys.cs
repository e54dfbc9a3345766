using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Unwrapped keys of one entity of one tenant: seals and opens the envelopes of its rows, and makes blind indexes. To be used for the
/// request at hand and not kept.
/// Envelope: format (1 byte, 1), algorithm (1 byte, 1 = XAES-256-GCM, 2 = the same under the entity's and a person's key together),
/// epoch of the data key (4, big endian), nonce (24), ciphertext, tag (16). Associated data: the words "row", tenant, entity, data class
/// (each with its length before it), epoch, then the binding, which is the record's id. The key of algorithm 2 is HKDF-SHA-256 of the
/// person's key, with the entity's as salt: without either it cannot be made.
/// </summary>
public sealed class RecordKeys
{
    /// <summary>Bytes that an envelope has more than what is in it.</summary>
    public const int Overhead = Head + Xaes.TagLength;

    /// <summary>Version (1 byte) and 32 bits: enough to find, too few to tell that two equal ones are of equal values.</summary>
    public const int SearchLength = 1 + 4;

    /// <summary>Version (1 byte) and 128 bits: no two values meet by chance.</summary>
    public const int UniqueLength = 1 + 16;

    private const byte Format = 1;
    private const byte Algorithm = 1;
    private const byte AlgorithmOfSubject = 2;
    private const int SubjectsKept = 4_096;
    private const int EpochPlace = 2;
    private const int Head = EpochPlace + 4 + Xaes.NonceLength;
    private const int MaxBinding = 1024;

    private readonly TenantId _tenant;
    private readonly string _entity;
    private readonly FrozenDictionary<int, SecretKey> _entityKeys;
    private readonly FrozenDictionary<int, Xaes> _ciphers;
    private readonly SubjectKeys _subjects;
    private readonly ConcurrentDictionary<(Guid Subject, int Epoch), (byte[] Wrapped, Xaes Cipher)> _subjectCiphers = new();
    private readonly (int Version, SecretKey Key)[] _indexKeys;
    private readonly ConcurrentDictionary<string, byte[]> _prefixes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Field, int Version), SecretKey> _fieldKeys = new();

    /// <param name="epochs">Data keys; they stay the caller's.</param>
    /// <param name="indexKeys">The one that new values are indexed under first; they stay the caller's.</param>
    /// <param name="subjects">The caller's.</param>
    internal RecordKeys(
        TenantId tenant,
        string entity,
        int epoch,
        IEnumerable<KeyValuePair<int, SecretKey>> epochs,
        (int Version, SecretKey Key)[] indexKeys,
        SubjectKeys subjects)
    {
        _tenant = tenant;
        _entity = entity;
        Epoch = epoch;
        _entityKeys = epochs.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.Derive("entity", entity));
        _ciphers = _entityKeys.ToFrozenDictionary(pair => pair.Key, pair => new Xaes(pair.Value.Bytes));
        _indexKeys = indexKeys;
        _subjects = subjects;
    }

    /// <summary>Of the data key that seals; older ones still open.</summary>
    public int Epoch { get; }

    /// <summary>Version of the index key that new values are indexed under.</summary>
    public int IndexVersion => _indexKeys[0].Version;

    /// <summary>Values may lie under several index keys: while an older one is rewritten, or a newer one is announced.</summary>
    public bool HasSeveralIndexKeys => _indexKeys.Length > 1;

    internal SubjectKeys Subjects => _subjects;

    /// <summary>Of a person whose first record comes: a fresh key, wrapped.</summary>
    public byte[] NewSubjectKey(Guid subject) => _subjects.New(subject);

    /// <param name="subjectKey">Wrapped, of the person that the record is about; empty where the app wants none.</param>
    public byte[] Seal(string dataClass, Guid record, ReadOnlySpan<byte> content, ReadOnlySpan<byte> subjectKey = default)
    {
        Span<byte> binding = stackalloc byte[16];
        record.TryWriteBytes(binding, bigEndian: true, out _);
        return Seal(dataClass, binding, content, subjectKey);
    }

    /// <param name="binding">What the content belongs to, at most 1,024 bytes; an envelope that is moved elsewhere does not open.</param>
    public byte[] Seal(
        string dataClass, ReadOnlySpan<byte> binding, ReadOnlySpan<byte> content, ReadOnlySpan<byte> subjectKey = default)
    {
        // Every byte is written below: a large one need not be zeroed first.
        var envelope = GC.AllocateUninitializedArray<byte>(Overhead + content.Length);
        envelope[0] = Format;
        envelope[1] = subjectKey.IsEmpty ? Algorithm : AlgorithmOfSubject;
        BinaryPrimitives.WriteInt32BigEndian(envelope.AsSpan(EpochPlace), Epoch);
        var nonce = envelope.AsSpan(EpochPlace + 4, Xaes.NonceLength);
        Nonces.Fill(nonce);
        Span<byte> space = stackalloc byte[512];
        var cipher = subjectKey.IsEmpty ? _ciphers[Epoch] : CipherOf(subjectKey, Epoch);
        cipher.Seal(nonce, content, Associated(dataClass, Epoch, binding, space), envelope.AsSpan(Head));
        return envelope;
    }

    /// <summary>Length of what is in an envelope, whether or not a person's key is before it.</summary>
    public static int ContentLength(ReadOnlySpan<byte> stored) => Math.Max(0, EnvelopeOf(stored).Length - Overhead);

    /// <summary>Epoch of the data key that sealed the envelope; 0 when it is none.</summary>
    public static int EpochOf(ReadOnlySpan<byte> stored)
    {
        var envelope = EnvelopeOf(stored);
        return envelope.Length < Overhead || envelope[0] != Format || envelope[1] is not (Algorithm or AlgorithmOfSubject)
            ? 0
            : BinaryPrimitives.ReadInt32BigEndian(envelope[EpochPlace..]);
    }

    /// <summary>What <see cref="SubjectKey.Beside"/> put before the envelope; empty when there is none.</summary>
    public static ReadOnlySpan<byte> SubjectKeyOf(ReadOnlySpan<byte> stored) =>
        stored.Length > SubjectKey.Length && stored[0] == SubjectKey.Format ? stored[..SubjectKey.Length] : default;

    /// <param name="stored">An envelope; that of a person has the person's key before it.</param>
    /// <param name="content">Of <see cref="ContentLength"/>.</param>
    /// <param name="isOfPerson">The app gives each of whom the entity's records are about a key: it may be gone.</param>
    /// <returns>False when the envelope is a person's whose key is gone: nobody reads it any more.</returns>
    /// <exception cref="TenantFault">
    /// The envelope was changed or belongs elsewhere (RecordDamaged), or its key is not known here (yet, or any more: KeysUnavailable).
    /// </exception>
    public bool Open(string dataClass, Guid record, ReadOnlySpan<byte> stored, Span<byte> content, bool isOfPerson = false)
    {
        Span<byte> binding = stackalloc byte[16];
        record.TryWriteBytes(binding, bigEndian: true, out _);
        return Open(dataClass, binding, stored, content, record, isOfPerson);
    }

    /// <summary>What is no record: no person's key is before it.</summary>
    /// <exception cref="TenantFault">As of the other overload.</exception>
    public void Open(string dataClass, ReadOnlySpan<byte> binding, ReadOnlySpan<byte> stored, Span<byte> content) =>
        Open(dataClass, binding, stored, content, null, isOfPerson: false);

    /// <summary>Where that is which does not open.</summary>
    public SealedPlace PlaceOf(Guid? record) => new(_tenant, _entity, record);

    private bool Open(
        string dataClass, ReadOnlySpan<byte> binding, ReadOnlySpan<byte> stored, Span<byte> content, Guid? record, bool isOfPerson)
    {
        var envelope = EnvelopeOf(stored);
        var epoch = EpochOf(envelope);
        // Where no person has a key, none can be gone: the byte that says so was changed.
        if (epoch == 0 || (envelope[1] == AlgorithmOfSubject && !isOfPerson))
        {
            throw new TenantFault(TenantFaultKind.RecordDamaged) { Place = PlaceOf(record) };
        }

        if (!_ciphers.TryGetValue(epoch, out var cipher))
        {
            throw new TenantFault(TenantFaultKind.KeysUnavailable) { Place = PlaceOf(record) };
        }

        if (envelope[1] == AlgorithmOfSubject)
        {
            var subjectKey = SubjectKeyOf(stored);
            if (subjectKey.IsEmpty)
            {
                return false;
            }

            try
            {
                cipher = CipherOf(subjectKey, epoch);
            }
            catch (TenantFault fault) when (fault.Place is null)
            {
                throw new TenantFault(fault.Kind, fault) { Place = PlaceOf(record) };
            }
        }

        Span<byte> space = stackalloc byte[512];
        return cipher.TryOpen(
            envelope.Slice(EpochPlace + 4, Xaes.NonceLength), envelope[Head..], Associated(dataClass, epoch, binding, space), content)
            ? true
            : throw new TenantFault(TenantFaultKind.RecordDamaged) { Place = PlaceOf(record) };
    }

    /// <summary>The index that a new value gets: HMAC-SHA-256 under a key of the field, cut to the length.</summary>
    /// <param name="length"><see cref="SearchLength"/> or <see cref="UniqueLength"/>.</param>
    public byte[] Index(string field, ReadOnlySpan<byte> value, int length) => Index(field, value, length, _indexKeys[0]);

    /// <summary>Indexes under which the value may be found: one for each index key that is still in use.</summary>
    public byte[][] Indexes(string field, ReadOnlySpan<byte> value, int length)
    {
        var indexes = new byte[_indexKeys.Length][];
        for (var i = 0; i < indexes.Length; i++)
        {
            indexes[i] = Index(field, value, length, _indexKeys[i]);
        }

        return indexes;
    }

    /// <summary>
    /// Indexes to put a unique value under, one after the other in one transaction: every process goes through the same versions in the
    /// same order, the one that stays comes last. So the unique index refuses what exists under any of them, and of two that write the
    /// same value under different versions at once, one waits for the other.
    /// </summary>
    public byte[][] UniqueIndexes(string field, ReadOnlySpan<byte> value)
    {
        var keys = _indexKeys.OrderBy(k => k.Version).ToList();
        if (keys[^1].Version != IndexVersion)
        {
            keys.Add(_indexKeys[0]);
        }

        var indexes = new byte[keys.Count][];
        for (var i = 0; i < indexes.Length; i++)
        {
            indexes[i] = Index(field, value, UniqueLength, keys[i]);
        }

        return indexes;
    }

    internal void Dispose()
    {
        foreach (var cipher in _ciphers.Values.Concat(_subjectCiphers.Values.Select(s => s.Cipher)))
        {
            cipher.Dispose();
        }

        foreach (var key in _entityKeys.Values.Concat(_fieldKeys.Values))
        {
            key.Dispose();
        }
    }

    private static ReadOnlySpan<byte> EnvelopeOf(ReadOnlySpan<byte> stored) => stored[SubjectKeyOf(stored).Length..];

    /// <summary>Kept as long as the same wrapped key is presented: what was erased, or erased and made anew, is not found.</summary>
    private Xaes CipherOf(ReadOnlySpan<byte> subjectKey, int epoch)
    {
        var id = (SubjectKey.SubjectOf(subjectKey), epoch);
        if (_subjectCiphers.TryGetValue(id, out var known) && subjectKey.SequenceEqual(known.Wrapped))
        {
            return known.Cipher;
        }

        using var key = _subjects.Unwrap(subjectKey);
        using var together = key.With(_entityKeys[epoch], "subject envelope");
        var cipher = new Xaes(together.Bytes);
        if (_subjectCiphers.Count >= SubjectsKept)
        {
            // Not disposed: another thread may be using one. The finalizers zero them.
            _subjectCiphers.Clear();
        }

        _subjectCiphers[id] = (subjectKey.ToArray(), cipher);
        return cipher;
    }

    private byte[] Index(string field, ReadOnlySpan<byte> value, int length, (int Version, SecretKey Key) of)
    {
        if (!_fieldKeys.TryGetValue((field, of.Version), out var key))
        {
            key = _fieldKeys.GetOrAdd((field, of.Version), of.Key.Derive("blind index", _entity, field));
        }

        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key.Bytes, value, whole);
        var index = new byte[length];
        index[0] = (byte)of.Version;
        whole[..(length - 1)].CopyTo(index.AsSpan(1));
        return index;
    }

    private ReadOnlySpan<byte> Associated(string dataClass, int epoch, ReadOnlySpan<byte> binding, Span<byte> space)
    {
        if (binding.Length > MaxBinding)
        {
            throw new ArgumentException($"A binding has at most {MaxBinding} bytes.", nameof(binding));
        }

        if (!_prefixes.TryGetValue(dataClass, out var prefix))
        {
            prefix = _prefixes.GetOrAdd(
                dataClass, new KeyContext("row").Add(_tenant.Value).Add(_entity).Add(dataClass).Bytes.ToArray());
        }

        var length = prefix.Length + 4 + binding.Length;
        var associated = length <= space.Length ? space[..length] : new byte[length];
        prefix.CopyTo(associated);
        BinaryPrimitives.WriteInt32BigEndian(associated[prefix.Length..], epoch);
        binding.CopyTo(associated[(prefix.Length + 4)..]);
        return associated;
    }
}
