using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// Says of an entry that the platform wrote it, until it is sealed: HMAC-SHA-256 (RFC 2104, its first 16 bytes) under a key of the tenant's
/// log that the database does not know. It covers SHA-256 of the body without the value of <c>records</c>, which only the statement of the
/// act knows, and the commitments; where those are picked by the number of records, there is one for each.
/// </summary>
internal sealed partial class EntryMacs(Catalogue catalogue, Sealing sealing) : IDisposable
{
    public const int Length = 16;

    private const string Uuid = "\"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\"";

    private readonly ConcurrentDictionary<TenantId, (byte[] Of, SecretKey Key)> _open = new();

    private static ReadOnlySpan<byte> Associated => "entry-mac"u8;

    /// <summary>What the statement of an act writes, and nothing else: no MAC covers it, and it must not make the body one that no act has.</summary>
    [GeneratedRegex(
        "\\A\\{(\"ids\":\\[(" + Uuid + "(," + Uuid + ")*)?\\]|\"count\":(0|[1-9][0-9]{0,15}),\"sha256\":\"[0-9a-f]{64}\")\\}\\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Records { get; }

    public static byte[] NewKey(Sealing sealing, TenantId tenant)
    {
        using var key = SecretKey.Random();
        return sealing.Seal(tenant, SealPurpose.LogKey, key.Bytes, Associated);
    }

    /// <summary>Of the tenant's first entry, which no catalogue knows yet.</summary>
    public static async Task<byte[]> OfFirstAsync(
        NpgsqlConnection control, Sealing sealing, TenantId tenant, AuditEntry entry, CancellationToken cancellationToken)
    {
        var stored = await control.ScalarAsync<byte[]>(
            "select entry_key_sealed from control.log_key where tenant_id = $1", cancellationToken, tenant.Value);
        var key = sealing.Open(tenant, SealPurpose.LogKey, stored, Associated);
        var mac = Of(key, entry, [""])[0];
        CryptographicOperations.ZeroMemory(key);
        return mac;
    }

    /// <exception cref="TenantFault">The tenant has no log.</exception>
    /// <param name="commitments">Texts, one of which the entry will have; one empty text for none.</param>
    /// <returns>One for each text.</returns>
    public byte[][] Of(TenantId tenant, in AuditEntry entry, string[] commitments) => Of(Key(tenant), entry, commitments);

    /// <param name="id">Under which it is stored: an entry is genuine under its own alone, so that it is not taken twice.</param>
    /// <param name="body">Of whoever wrote it, as are the commitments.</param>
    public bool Holds(TenantId tenant, Guid id, string body, string commitments, ReadOnlySpan<byte> mac) =>
        Holds(Key(tenant), id, body, commitments, mac);

    internal static bool Holds(ReadOnlySpan<byte> key, Guid id, string body, string commitments, ReadOnlySpan<byte> mac)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (Without(bytes, id) is not { } covered)
        {
            return false;
        }

        Mac(key, SHA256.HashData(bytes.AsSpan(0, covered)), commitments, expected);
        return CryptographicOperations.FixedTimeEquals(expected[..Length], mac);
    }

    public void Dispose()
    {
        foreach (var (_, key) in _open.Values)
        {
            key.Dispose();
        }
    }

    internal static byte[][] Of(ReadOnlySpan<byte> key, in AuditEntry entry, string[] commitments)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(entry.Head.Length + entry.Tail.Length));
        var length = Encoding.UTF8.GetBytes(entry.Head, buffer);
        length += Encoding.UTF8.GetBytes(entry.Tail, buffer.AsSpan(length));
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.AsSpan(0, length), digest);
        ArrayPool<byte>.Shared.Return(buffer);
        var macs = new byte[commitments.Length][];
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        for (var i = 0; i < macs.Length; i++)
        {
            Mac(key, digest, commitments[i], mac);
            macs[i] = mac[..Length].ToArray();
        }

        return macs;
    }

    private static void Mac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> digest, string commitments, Span<byte> mac)
    {
        var covered = new byte[digest.Length + Encoding.UTF8.GetByteCount(commitments)];
        digest.CopyTo(covered);
        Encoding.UTF8.GetBytes(commitments, covered.AsSpan(digest.Length));
        HMACSHA256.HashData(key, covered, mac);
    }

    /// <summary>Closes the gap that the value of the member <c>records</c> leaves.</summary>
    /// <returns>Bytes that are left; null for what is no object of JSON, is not of this id, or names records as no act does.</returns>
    private static int? Without(byte[] body, Guid id)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            (int Begin, int End)? gap = null;
            var isOwn = false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isRecords = reader.ValueTextEquals("records"u8);
                var isId = reader.ValueTextEquals("id"u8);
                reader.Read();
                var begin = (int)reader.TokenStartIndex;
                isOwn |= isId && reader.TokenType == JsonTokenType.String && reader.TryGetGuid(out var own) && own == id;
                reader.Skip();
                gap ??= isRecords ? (begin, (int)reader.BytesConsumed) : null;
            }

            if (!isOwn || gap is not var (from, to))
            {
                return isOwn ? body.Length : null;
            }

            if (!Records.IsMatch(Encoding.UTF8.GetString(body, from, to - from)))
            {
                return null;
            }

            body.AsSpan(to).CopyTo(body.AsSpan(from));
            return body.Length - (to - from);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private ReadOnlySpan<byte> Key(TenantId tenant)
    {
        var stored = catalogue.Current.LogKeys.TryGetValue(tenant.Value, out var known) && known.EntryKeySealed is { } there
            ? there
            : throw new TenantFault(TenantFaultKind.Unknown);
        if (!_open.TryGetValue(tenant, out var open) || !open.Of.AsSpan().SequenceEqual(stored))
        {
            var key = sealing.Open(tenant, SealPurpose.LogKey, stored, Associated);
            open = (stored, SecretKey.CopyOf(key));
            CryptographicOperations.ZeroMemory(key);
            _open[tenant] = open;
        }

        return open.Key.Bytes;
    }
}
