using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary><c>GET /operator/v1/keys</c>: the roots, where they live, and when the retired ones are destroyed.</summary>
internal static class ListRoots
{
    internal static async Task HandleAsync(HttpContext context, Authentication authentication, KeyCustody custody)
    {
        if (await authentication.OperatorAsync(context) is null)
        {
            return;
        }

        if (!custody.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot do this.",
                null, context.RequestAborted);
            return;
        }

        await JsonAnswer.WriteAsync(context, 200, await RootsView.OfAsync(custody, context.RequestAborted), context.RequestAborted);
    }
}

/// <param name="Store">Where new roots are made.</param>
internal sealed record RootsView(string Store, IReadOnlyList<RootState> Roots)
{
    internal static async Task<RootsView> OfAsync(KeyCustody custody, CancellationToken cancellationToken) =>
        new(custody.Store, [.. await custody.RootsAsync(cancellationToken)]);
}
