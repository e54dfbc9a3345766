using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Streams;

/// <param name="Leaf">The hash that the tree has of it, and that the body has.</param>
/// <param name="Body">Canonical JSON.</param>
/// <param name="Commitments">Canonical JSON, which stands behind the body's digest in the leaf; empty for none.</param>
public sealed record StreamedEntry(
    long Position, byte[] Leaf, DateTimeOffset At, string Action, string Result, string Body, string Commitments);

/// <param name="From">The position that the stream is at.</param>
/// <param name="To">The position after the last: what is acknowledged with it.</param>
/// <param name="Entries">Those of them that have a body; expired ones have none.</param>
/// <param name="IsChanged">What is stored at the first of them is not what was sealed: there is nothing to send.</param>
public sealed record StreamBatch(long From, long To, IReadOnlyList<StreamedEntry> Entries, bool IsChanged = false);

/// <summary>A stream to which something is due.</summary>
public sealed class DueStream
{
    internal DueStream(
        TenantEntry tenant, string name, StreamKind kind, Uri url, string format, string? authority, byte[]? secret, long next, long failures)
    {
        Tenant = tenant;
        Name = name;
        Kind = kind;
        Url = url;
        Format = format;
        Authority = authority;
        SecretSealed = secret;
        Next = next;
        Failures = failures;
    }

    public TenantEntry Tenant { get; }

    public string Name { get; }

    public StreamKind Kind { get; }

    public Uri Url { get; }

    public string Format { get; }

    public string? Authority { get; }

    public long Next { get; }

    public long Failures { get; }

    internal byte[]? SecretSealed { get; }

    internal string Duty => $"audit stream {Tenant.Id}/{Name}";
}

/// <summary>
/// The worker's side of streams, under the sealer's role: which are due, what comes next, what was acknowledged. Sending is not the
/// kernel's. A stream is worked at by one process at a time; should two, the collector gets entries twice and misses none.
/// </summary>
public sealed class StreamQueue
{
    /// <summary>Positions of a batch: within one tile.</summary>
    public const int MostEntries = Tiles.Width;

    /// <summary>Bytes of the bodies of a batch that has more than one.</summary>
    public const int MostBytes = 1024 * 1024;

    private readonly SealerWork _work;
    private readonly Duties _duties;
    private readonly Catalogue _catalogue;
    private readonly Sealing _sealing;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal StreamQueue(
        SealerWork work, Duties duties, Catalogue catalogue, Sealing sealing, KernelOptions options, TimeProvider time)
    {
        _work = work;
        _duties = duties;
        _catalogue = catalogue;
        _sealing = sealing;
        _options = options;
        _time = time;
    }

    /// <summary>How often to look.</summary>
    public TimeSpan Period => _options.AuditStreaming;

    public bool AllowsPrivateAddresses => _options.StreamsAllowPrivateAddresses;

    public IEnumerable<TenantEntry> Tenants => _catalogue.Current.Tenants.Values.Where(t => t.Status == TenantStatus.Active);

    /// <summary>Streams of a tenant that lag and are not waiting after a failure.</summary>
    public async Task<ImmutableArray<DueStream>> DueAsync(TenantEntry tenant, CancellationToken cancellationToken)
    {
        var due = ImmutableArray.CreateBuilder<DueStream>();
        var core = SealerWork.Core(tenant);
        await _work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select s.name, s.kind, s.url, s.format, s.authority, s.secret_sealed, t.next_position, t.failures
                from {core}.audit_stream s join {core}.audit_stream_state t on t.tenant_id = s.tenant_id and t.name = s.name
                join {core}.audit_tree a on a.tenant_id = s.tenant_id
                where s.tenant_id = $1 and t.next_position < a.size and t.next_at <= $2 order by s.name
                """,
                [tenant.Id.Value, _time.GetUtcNow()],
                r => due.Add(new(
                    tenant,
                    r.GetString(0),
                    r.GetString(1) == "syslog" ? StreamKind.Syslog : StreamKind.Https,
                    new Uri(r.GetString(2)),
                    r.GetString(3),
                    r.IsDBNull(4) ? null : r.GetString(4),
                    r.IsDBNull(5) ? null : r.GetFieldValue<byte[]>(5),
                    r.GetInt64(6),
                    r.GetInt64(7)))));
        return due.ToImmutable();
    }

    /// <summary>Sends to it, if no other process of the installation does.</summary>
    public Task WorkAsync(DueStream stream, Func<CancellationToken, Task> send, CancellationToken cancellationToken) =>
        _duties.WorkAsync(stream.Duty, send, cancellationToken);

    /// <summary>
    /// What is not acknowledged, from its first position on; null when there is nothing, or the stream is gone. Where it is is read anew:
    /// another process may have sent in between.
    /// </summary>
    public async Task<StreamBatch?> NextAsync(DueStream stream, CancellationToken cancellationToken)
    {
        var (tenant, core) = (stream.Tenant, SealerWork.Core(stream.Tenant));
        (long From, long Size)? found = null;
        var entries = new List<StreamedEntry>();
        long? changed = null;
        await _work.ReadAsync(
            tenant,
            cancellationToken,
            new SealerStatement(
                $"""
                select t.next_position, a.size from {core}.audit_stream_state t join {core}.audit_tree a on a.tenant_id = t.tenant_id
                where t.tenant_id = $1 and t.name = $2
                """,
                [tenant.Id.Value, stream.Name],
                r => found = (r.GetInt64(0), r.GetInt64(1))),
            new SealerStatement(
                $"""
                select l.position, coalesce(substring(i.hashes from (32 * (l.position % 256) + 1)::int for 32), ''), e.body, e.commitments
                from {core}.audit_stream_state t
                left join {core}.audit_tile i on i.tenant_id = t.tenant_id and i.level = 0 and i.index = t.next_position / 256
                join {core}.audit_leaf l on l.tenant_id = t.tenant_id and l.position >= t.next_position
                    and l.position < 256 * (t.next_position / 256 + 1)
                join {core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                where t.tenant_id = $1 and t.name = $2 order by l.position
                """,
                [tenant.Id.Value, stream.Name],
                r =>
                {
                    // Nothing is sent as sealed that is not. Once one differs, what comes after it waits.
                    var (position, leaf, body, commitments) = (r.GetInt64(0), r.GetFieldValue<byte[]>(1), r.GetString(2), r.GetString(3));
                    if (changed is null && AuditLeaf.HashOf(body, commitments).AsSpan().SequenceEqual(leaf) && EntryIndex.Of(body) is { } said)
                    {
                        entries.Add(new(position, leaf, said.Index.At, said.Index.Action, said.Index.Result, body, commitments));
                    }
                    else
                    {
                        changed ??= position;
                    }
                }));
        if (found is not { } at || at.From >= at.Size)
        {
            return null;
        }

        var end = Math.Min(at.Size, ((at.From / MostEntries) + 1) * MostEntries);
        if (changed is { } stop && stop < end)
        {
            end = stop;
            if (at.From == stop)
            {
                return new(stop, stop, [], IsChanged: true);
            }
        }

        var bytes = 0L;
        var taken = entries.Where(e => e.Position < end).TakeWhile((e, i) => (bytes += e.Body.Length) <= MostBytes || i == 0).ToList();
        // Cut short by its bytes, it ends with the last that it has; else what has no body is passed by with it.
        return new(at.From, taken.Count < entries.Count(e => e.Position < end) ? taken[^1].Position + 1 : end, taken);
    }

    public Task AcknowledgedAsync(DueStream stream, StreamBatch batch, CancellationToken cancellationToken) => _work.RunAsync(
        stream.Tenant,
        cancellationToken,
        new SealerStatement(
            $"""
            update {SealerWork.Core(stream.Tenant)}.audit_stream_state
            set next_position = $4, acknowledged_at = $5, failures = 0, fault = null, failed_at = null
            where tenant_id = $1 and name = $2 and next_position = $3
            """,
            [stream.Tenant.Id.Value, stream.Name, batch.From, batch.To, _time.GetUtcNow()]));

    /// <param name="fault">Ours, for the tenant to read: what is wrong and what to do.</param>
    public Task FailedAsync(DueStream stream, string fault, TimeSpan wait, CancellationToken cancellationToken) => _work.RunAsync(
        stream.Tenant,
        cancellationToken,
        new SealerStatement(
            $"""
            update {SealerWork.Core(stream.Tenant)}.audit_stream_state
            set failures = failures + 1, fault = $3, failed_at = $4, next_at = $5 where tenant_id = $1 and name = $2
            """,
            [stream.Tenant.Id.Value, stream.Name, fault, _time.GetUtcNow(), _time.GetUtcNow() + wait]));

    /// <summary>HMAC-SHA-256 under the stream's secret, in hex, over the seconds, a full stop and the body.</summary>
    public string Sign(DueStream stream, long seconds, ReadOnlySpan<byte> body)
    {
        var secret = _sealing.Open(
            stream.Tenant.Id, SealPurpose.StreamSecret, stream.SecretSealed, Encoding.UTF8.GetBytes(stream.Name));
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        CryptographicOperations.ZeroMemory(secret);
        mac.AppendData(Encoding.ASCII.GetBytes(seconds.ToString(CultureInfo.InvariantCulture) + "."));
        mac.AppendData(body);
        return Convert.ToHexStringLower(mac.GetHashAndReset());
    }
}
