using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Kernel.Audit.Streams;

public enum StreamKind
{
    /// <summary>RFC 5424 over TLS (RFC 5425).</summary>
    Syslog,

    /// <summary>A POST of JSON Lines, signed.</summary>
    Https,
}

/// <param name="Url"><c>syslog://host:port</c> or <c>https://host/path</c>; checked by the caller.</param>
/// <param name="Authority">PEM of the authority that vouches for it; null for those of the system.</param>
/// <param name="From">The first position to send; null for what comes from now on.</param>
public sealed record NewStream(string Name, StreamKind Kind, Uri Url, string Format, string? Authority, long? From);

/// <summary>A stream and how far it is.</summary>
/// <param name="Next">The first position that is not acknowledged.</param>
/// <param name="Size">Of the log.</param>
/// <param name="WaitingSince">When the act of that position began; null when all is acknowledged.</param>
/// <param name="Failures">In a row.</param>
public sealed record StreamState(
    string Name,
    StreamKind Kind,
    Uri Url,
    string Format,
    bool HasAuthority,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    long Next,
    long Size,
    DateTimeOffset? WaitingSince,
    DateTimeOffset? AcknowledgedAt,
    long Failures,
    string? Fault,
    DateTimeOffset? FailedAt,
    DateTimeOffset NextAt);

/// <summary>The tenant's side of its streams: appoint, look, take back. Each act is an entry.</summary>
public sealed class AuditStreams
{
    /// <summary>Of one tenant.</summary>
    public const int Most = 10;

    private const int SecretLength = 32;

    private readonly TenantDatabase _database;
    private readonly Sealing _sealing;
    private readonly TimeProvider _time;

    internal AuditStreams(TenantDatabase database, Sealing sealing, KernelOptions options, TimeProvider time)
    {
        AllowsPrivateAddresses = options.StreamsAllowPrivateAddresses;
        _database = database;
        _sealing = sealing;
        _time = time;
    }

    public bool AllowsPrivateAddresses { get; }

    public async Task<ImmutableArray<StreamState>> ListAsync(RequestContext context, CancellationToken cancellationToken)
    {
        var streams = ImmutableArray.CreateBuilder<StreamState>();
        await _database.RunAsync(
            context,
            new TenantWork().Read(
                Sql.Of($"""
                    select s.name, s.kind, s.url, s.format, s.authority is not null, s.created_at, s.created_by,
                        t.next_position, coalesce(a.size, 0), e.at, t.acknowledged_at, t.failures, t.fault, t.failed_at, t.next_at
                    from {Place.Core}.audit_stream s
                    join {Place.Core}.audit_stream_state t on t.tenant_id = s.tenant_id and t.name = s.name
                    left join {Place.Core}.audit_tree a on a.tenant_id = s.tenant_id
                    left join {Place.Core}.audit_leaf l on l.tenant_id = s.tenant_id and l.position = t.next_position
                    left join {Place.Core}.audit_entry e on e.tenant_id = l.tenant_id and e.id = l.entry_id
                    order by s.name
                    """),
                row => streams.Add(new(
                    row.Text(0),
                    row.Text(1) == "syslog" ? StreamKind.Syslog : StreamKind.Https,
                    new Uri(row.Text(2)),
                    row.Text(3),
                    row.Boolean(4),
                    row.Timestamp(5),
                    row.Text(6),
                    row.Integer(7),
                    row.Integer(8),
                    row.IsNull(9) ? null : row.Timestamp(9),
                    row.IsNull(10) ? null : row.Timestamp(10),
                    row.Integer(11),
                    row.IsNull(12) ? null : row.Text(12),
                    row.IsNull(13) ? null : row.Timestamp(13),
                    row.Timestamp(14)))),
            cancellationToken);
        return streams.ToImmutable();
    }

    /// <returns>
    /// Whether it was added: not when there is one of the name, or there are <see cref="Most"/>. For HTTPS the secret, which is shown once.
    /// </returns>
    public async Task<(bool Added, string? Secret)> AddAsync(RequestContext context, NewStream stream, CancellationToken cancellationToken)
    {
        var secret = stream.Kind == StreamKind.Https ? RandomNumberGenerator.GetBytes(SecretLength) : null;
        var now = _time.GetUtcNow();
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        var result = await _database.RunAsync(
            context,
            new TenantWork()
                .Change(
                    Sql.Of($"""
                        insert into {Place.Core}.audit_stream
                            (tenant_id, name, kind, url, format, authority, secret_sealed, from_position, created_at, created_by)
                        select {Place.Tenant}, {SqlValue.Text(stream.Name)}, {SqlValue.Text(Word(stream.Kind))},
                            {SqlValue.Text(stream.Url.AbsoluteUri)}, {SqlValue.Text(stream.Format)}, {SqlValue.Text(stream.Authority)},
                            {SqlValue.Bytes(secret is null ? null : Seal(context.Tenant, stream.Name, secret))},
                            coalesce({SqlValue.Integer(stream.From)}, (select size from {Place.Core}.audit_tree), 0),
                            {SqlValue.Timestamp(now)}, {SqlValue.Text(context.Actor.Id)}
                        where (select count(*) from {Place.Core}.audit_stream) < {SqlValue.Integer(Most)}
                        returning name
                        """),
                    Event("audit.stream.add", stream.Name, ("kind", Word(stream.Kind)), ("host", stream.Url.Authority)))
                .Also(Sql.Of($"""
                    insert into {Place.Core}.audit_stream_state (tenant_id, name, next_position, next_at)
                    select tenant_id, name, from_position, created_at from {Place.Core}.audit_stream
                    where name = {SqlValue.Text(stream.Name)} and created_at = {SqlValue.Timestamp(now)}
                    """)),
            cancellationToken);
        return result is { Violation: null, Changed: > 0 }
            ? (true, secret is null ? null : "bhs_" + Convert.ToHexStringLower(secret))
            : (false, null);
    }

    /// <returns>False when there is none of the name.</returns>
    public async Task<bool> RemoveAsync(RequestContext context, string name, CancellationToken cancellationToken)
    {
        var result = await _database.RunAsync(
            context,
            new TenantWork()
                .Change(
                    Sql.Of($"delete from {Place.Core}.audit_stream where name = {SqlValue.Text(name)} returning name"),
                    Event("audit.stream.remove", name))
                .Also(Sql.Of($"delete from {Place.Core}.audit_stream_state where name = {SqlValue.Text(name)}")),
            cancellationToken);
        return result.Changed > 0;
    }

    private byte[] Seal(TenantId tenant, string name, byte[] secret) =>
        _sealing.Seal(tenant, SealPurpose.StreamSecret, secret, Encoding.UTF8.GetBytes(name));

    private static string Word(StreamKind kind) => kind == StreamKind.Syslog ? "syslog" : "https";

    private static AuditEvent Event(string action, string name, params (string, string)[] details) => new(action)
    {
        Records = AuditRecords.None, Details = AuditDetails.Of([("stream", name), .. details]),
    };
}
