using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary><c>GET /api/v1/keys</c>: the tenant's keys by purpose and version, who holds them, and whether they are withdrawn.</summary>
internal static class ListKeys
{
    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Denials denials, Catalogue catalogue, KeyCustody custody)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Read, "keys.list") is { } call)
        {
            await JsonAnswer.WriteAsync(
                context, 200, await KeysView.OfAsync(custody, catalogue, call.Context.Tenant, context.RequestAborted), context.RequestAborted);
        }
    }
}

/// <param name="Data">
/// <c>open</c>, <c>withdrawn</c> while nothing of the tenant's data is read or written, or <c>destroyed</c> for good.
/// </param>
/// <param name="WithdrawnAt">Null while it is open.</param>
/// <param name="Rewriting">How far the rows are on their way under the newest keys; empty when all of them are.</param>
internal sealed record KeysView(
    string Data, DateTimeOffset? WithdrawnAt, IReadOnlyList<KeysView.Key> Keys, IReadOnlyList<KeysView.Progress> Rewriting)
{
    internal static async Task<KeysView> OfAsync(
        KeyCustody custody, Catalogue catalogue, TenantId tenant, CancellationToken cancellationToken)
    {
        var keys = await custody.KeysAsync(tenant, cancellationToken);
        var rewriting = await custody.RewritingAsync(tenant, cancellationToken);
        var at = catalogue.Current.Tenants[tenant].KeysWithdrawnAt;
        return new(
            keys.IsEmpty ? "destroyed" : at is null ? "open" : "withdrawn",
            at,
            [.. keys.Select(k => new Key(k.Purpose, k.Number, k.HeldBy, k.Root, k.CreatedAt, k.ActiveAt))],
            [.. rewriting.Select(r => new Progress(r.Entity, r.Seen, r.Rewritten, r.FinishedAt is not null))]);
    }

    /// <param name="Seen">Records looked at, over all walks.</param>
    /// <param name="Rewritten">Records that were under older keys.</param>
    internal sealed record Progress(string Entity, long Seen, long Rewritten, bool Finished);

    /// <param name="Purpose">
    /// <c>data</c> wraps the keys of rows, <c>index</c> makes blind indexes (both: <paramref name="Number"/> is the version);
    /// <c>rows</c> seals rows (the number is the epoch).
    /// </param>
    /// <param name="HeldBy">Where it is opened: <c>file</c>, <c>pkcs11</c>, <c>service</c> (the tenant's own), <c>data</c>.</param>
    internal sealed record Key(
        string Purpose, int Number, string HeldBy, int? Root, DateTimeOffset CreatedAt, DateTimeOffset ActiveAt);
}
