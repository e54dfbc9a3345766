using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// <c>POST /operator/v1/keys/rotate</c>: a new root in the key store that is configured now; every key is wrapped under it, nothing is
/// paused. Repeating it after an interruption finishes the rotation that was begun.
/// </summary>
internal static class RotateRoot
{
    internal static async Task HandleAsync(HttpContext context, Authentication authentication, KeyCustody custody)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.OperatorAsync(context) is not { } actor)
        {
            return;
        }

        if (!custody.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot do this.",
                null, cancellationToken);
            return;
        }

        await custody.RotateRootAsync(actor, context.TraceIdentifier, null, cancellationToken);
        await JsonAnswer.WriteAsync(context, 200, await RootsView.OfAsync(custody, cancellationToken), cancellationToken);
    }
}
