using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary><c>POST /api/v1/keys/verify</c>: opens every key of the tenant and says of each whether it is the one that was wrapped.</summary>
internal static class VerifyKeys
{
    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Read, "keys.verify") is not { } call)
        {
            return;
        }

        var checks = await custody.VerifyAsync(call.Context, context.RequestAborted);
        var answer = new Answer(
            checks.All(check => check.Problem is null),
            custody.Store,
            [.. checks.Select(check => new Check(check.Purpose, check.Number, check.Problem is null, check.Problem))]);
        await JsonAnswer.WriteAsync(context, 200, answer, context.RequestAborted);
    }

    /// <param name="Store">Where new keys are wrapped.</param>
    private sealed record Answer(bool Ok, string Store, IReadOnlyList<Check> Keys);

    private sealed record Check(string Purpose, int Number, bool Ok, string? Problem);
}
