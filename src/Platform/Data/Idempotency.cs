using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// A create that may be repeated: the key, a keyed digest of the request and the sealed answer are stored in the transaction
/// of the create, so that either both exist or neither.
/// </summary>
internal sealed class Idempotency
{
    public const string Table = "idempotency";

    // No entity has a name like this: the key of answers is nobody else's.
    private const string KeyName = "(idempotency)";
    private const string AnswerClass = "answer";
    private const string DigestName = "(digest)";

    private const int MaxKeyLength = 255;
    private const int IdAndVersion = 32;

    private readonly DataApi _api;
    private readonly TenantCall _call;
    private readonly string _route;
    private readonly string _key;

    // Of what was asked, and never stored as it is: whoever has the table could try values until one fits.
    private readonly byte[] _digest;

    private Idempotency(DataApi api, TenantCall call, string route, string key, byte[] digest)
    {
        _api = api;
        _call = call;
        _route = route;
        _key = key;
        _digest = digest;
    }

    /// <summary>1 to 255 visible ASCII characters.</summary>
    public static bool IsValidKey(string? key) =>
        key is { Length: >= 1 and <= MaxKeyLength } && !key.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <summary>
    /// The digest covers the roles and the app's version too: an answer is never replayed to an actor that might not
    /// get it today.
    /// </summary>
    public static Idempotency Of(DataApi api, TenantCall call, string plural, string key, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Join('\n', call.Context.Actor.Roles.Prepend(call.App.Label))));
        hash.AppendData([0]);
        hash.AppendData(body);
        return new(api, call, $"POST /api/v1/{plural}", key, hash.GetHashAndReset());
    }

    /// <summary>
    /// To run before the create's own statement: a repetition must meet the key before it meets its own record.
    /// </summary>
    public async Task<Sql> StoreAsync(
        Guid id, Guid version, ReadOnlyMemory<byte> answer, Guid? person, DateTime now, CancellationToken cancellationToken)
    {
        var keys = await _api.Keys.OpenAsync(_call.Context.Tenant, KeyName, cancellationToken);
        var value = new byte[IdAndVersion + answer.Length];
        id.TryWriteBytes(value);
        version.TryWriteBytes(value.AsSpan(16));
        answer.Span.CopyTo(value.AsSpan(IdAndVersion));
        var sealedAnswer = keys.Seal(AnswerClass, Associated(), value);
        var digest = keys.Index(DigestName, _digest, RecordKeys.UniqueLength);
        return Sql.Of($"""
            insert into {Place.Core}.idempotency
            (tenant_id, actor, route, key, request_digest, status, answer, subject, created_at)
            values ({Place.Tenant}, {SqlValue.Text(_call.Context.Actor.Id)}, {SqlValue.Text(_route)},
            {SqlValue.Text(_key)}, {SqlValue.Bytes(digest)}, {SqlValue.Integer(201)}, {SqlValue.Bytes(sealedAnswer)},
            {SqlValue.Uuid(person)},
            {SqlValue.Timestamp(now)})
            """);
    }

    /// <summary>
    /// The stored answer of the same request, or the refusal of another one. An audited answer leaves its entry again.
    /// </summary>
    public async Task ReplayAsync(HttpContext http, EntityView view)
    {
        var keys = await _api.Keys.OpenAsync(_call.Context.Tenant, KeyName, http.RequestAborted);
        var digests = keys.Indexes(DigestName, _digest, RecordKeys.UniqueLength);
        byte[]? digest = null;
        byte[]? sealedAnswer = null;
        var work = new TenantWork().Read(
            Sql.Of($"""
                select request_digest, answer from {Place.Core}.idempotency
                where actor = {SqlValue.Text(_call.Context.Actor.Id)} and route = {SqlValue.Text(_route)}
                and key = {SqlValue.Text(_key)}
                """),
            row => (digest, sealedAnswer) = (row.Bytes(0), row.Bytes(1)));
        if (view.Answer.IsAudited)
        {
            // Only when the answer is given: a key that comes with another body gets none.
            work.ReadIfFound(
                Sql.Of($"""
                    select 1::bigint from {Place.Core}.idempotency
                    where actor = {SqlValue.Text(_call.Context.Actor.Id)} and route = {SqlValue.Text(_route)}
                    and key = {SqlValue.Text(_key)} and request_digest = any({SqlValue.BytesArray(digests)})
                    """),
                new AuditEvent("data.create")
                {
                    Entity = view.Entity.Name,
                    Records = AuditRecords.None,
                    Details = Entries.Detail("replay", "true"),
                },
                static _ => { });
        }

        await _api.Database.RunAsync(_call.Context, work, http.RequestAborted);
        if (digest is null || !digests.Any(known => CryptographicOperations.FixedTimeEquals(digest, known)))
        {
            await ProblemResults.WriteAsync(
                http,
                StatusCodes.Status422UnprocessableEntity,
                "idempotency-key-reused",
                "The key was used with another body or other rights: take a new one.",
                cancellationToken: http.RequestAborted);
            return;
        }

        var value = new byte[RecordKeys.ContentLength(sealedAnswer)];
        keys.Open(AnswerClass, Associated(), sealedAnswer, value);
        http.Response.Headers["Idempotency-Replayed"] = "true";
        await CreateRecord.AnswerAsync(
            http, view, new Guid(value.AsSpan(0, 16)), new Guid(value.AsSpan(16, 16)), value.AsMemory(IdAndVersion));
    }

    private byte[] Associated() =>
        SHA256.HashData(Encoding.UTF8.GetBytes($"{_call.Context.Actor.Id}\n{_route}\n{_key}"));
}
