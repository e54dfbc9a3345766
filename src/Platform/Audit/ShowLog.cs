using System.Globalization;
using System.Text.Json.Serialization;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /api/v1/audit/log</c>: what there is to note of the log: origin, keys and newest checkpoint, of it and of the log of heads.
/// <c>since=SIZE</c>: that the log of that size is a prefix of this one (RFC 6962 section 2.1.2); <c>position=P</c>: that the leaf there
/// is in it (section 2.1.1). Hashes are base64.
/// </summary>
internal static class ShowLog
{
    public static async Task HandleAsync(HttpContext context, Authentication authentication, Denials denials, AuditLog log, LogKeys keys)
    {
        var cancellationToken = context.RequestAborted;
        if (await AuditAccess.EnterAsync(context, authentication, denials, "audit.checkpoint") is not { } call)
        {
            return;
        }

        var faults = new List<Fault>();
        var (since, position) = Parse(context.Request.Query, faults);
        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-parameter", "Some parameters are unknown or invalid.", faults, cancellationToken);
            return;
        }

        // The head first: so the log is at least as long as what is shown of it.
        var tenant = call.Context.Tenant;
        var head = await log.HeadAsync(tenant, null, cancellationToken);
        var state = await log.StateAsync(call.Context, cancellationToken);
        if (since > state.Size || position >= state.Size)
        {
            await ProblemResults.WriteAsync(
                context, 409, "log-shorter", TooShort(state.Size), null, cancellationToken);
            return;
        }

        var proofs = await ProofsAsync(log, call.Context, since, position, state.Size, cancellationToken);
        await JsonAnswer.WriteAsync(
            context,
            200,
            new Answer(
                LogKeys.OriginOf(tenant),
                [.. keys.All(tenant).Select(key => $"{key}")],
                state.Size,
                state.Size == 0 ? null : state.SealedAt,
                state.Size == 0 ? null : state.Note,
                keys.HeadsOrigin,
                [.. keys.All(null).Select(key => $"{key}")],
                head?.HeadsNote)
            {
                Consistency = since is { } older ? new(older, proofs.Consistency) : null,
                Inclusion = position is { } leaf ? new(leaf, proofs.Inclusion) : null,
            },
            cancellationToken);
    }

    private static (long? Since, long? Position) Parse(IQueryCollection parameters, List<Fault> faults)
    {
        (long? Since, long? Position) asked = default;
        foreach (var (name, values) in parameters)
        {
            if (name is not ("since" or "position"))
            {
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: name.Length <= 100 ? name : name[..100]));
            }
            else if (values.Count > 1)
            {
                faults.Add(new("duplicate-parameter", "The parameter is given more than once.", Parameter: name));
            }
            else if (!long.TryParse(values.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                || (name == "since" && number == 0))
            {
                // The empty log is a prefix of every other: a proof of it would prove nothing.
                faults.Add(new("invalid-parameter", name == "since" ? "A size is a whole number from 1." : "A position is a whole number from 0.", Parameter: name));
            }
            else
            {
                asked = name == "since" ? asked with { Since = number } : asked with { Position = number };
            }
        }

        return asked;
    }

    public static string TooShort(long size) =>
        $"The log has {size} entries (what was just done is sealed within a second). If a checkpoint of it is larger, keep that: it proves that the log was cut off.";

    private static async Task<(List<byte[]> Consistency, List<byte[]> Inclusion)> ProofsAsync(
        AuditLog log, RequestContext context, long? since, long? position, long size, CancellationToken cancellationToken)
    {
        (List<byte[]>, List<byte[]>) Proofs(MerkleNode node) => (
            since is { } older ? MerkleTree.Consistency(older, size, node) : [],
            position is { } leaf ? MerkleTree.Inclusion(leaf, size, node) : []);

        return Proofs(await log.NodesAsync(context, node => Proofs(node), cancellationToken));
    }

    /// <param name="Size">Entries that are sealed.</param>
    /// <param name="Note">The newest checkpoint; null while nothing is sealed.</param>
    /// <param name="HeadsNote">Of the log of heads, with the witnesses' signatures; null while the log has no head there.</param>
    private sealed record Answer(
        string Origin,
        IReadOnlyList<string> LogKeys,
        long Size,
        DateTimeOffset? SealedAt,
        string? Note,
        string HeadsOrigin,
        IReadOnlyList<string> HeadsKeys,
        string? HeadsNote)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public Consistency? Consistency { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public Inclusion? Inclusion { get; init; }
    }

    /// <param name="Since">Size of the older tree; the newer is the answer's.</param>
    private sealed record Consistency(long Since, IReadOnlyList<byte[]> Hashes);

    private sealed record Inclusion(long Position, IReadOnlyList<byte[]> Hashes);
}
