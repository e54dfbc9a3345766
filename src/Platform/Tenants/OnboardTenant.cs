using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Tenants;

/// <summary>
/// <c>POST /operator/v1/tenants</c>: makes a tenant with its home, keys and service accounts. The secrets are in this
/// answer and nowhere else. What was interrupted is finished by repeating it; the secrets are new then.
/// </summary>
internal static class OnboardTenant
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };

    internal static async Task HandleAsync(
        HttpContext context,
        Authentication authentication,
        Catalogue catalogue,
        AppCatalogue apps,
        Deployment deployment,
        TenantLinks links)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.OperatorAsync(context) is not { } actor)
        {
            return;
        }

        if (!deployment.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot onboard.",
                null, cancellationToken);
            return;
        }

        await catalogue.RefreshAsync(cancellationToken);
        if (await ReadAsync(context, apps, cancellationToken) is not { } request
            || !await IsFreeAsync(context, request, catalogue.Current, cancellationToken))
        {
            return;
        }

        var clients = request.Accounts.Select(a => Client.Create(a)).ToList();
        await deployment.OnboardAsync(
            actor,
            context.TraceIdentifier,
            new NewTenant(
                TenantId.New(),
                request.Slug,
                request.Name,
                request.Isolation,
                request.Model.Name,
                request.Hosts,
                [.. clients.Select(c => c.Account)]),
            SchemaPlan.Create(request.Model),
            cancellationToken);

        var tenant = TenantView.Of(catalogue.Current.BySlug[request.Slug], links) with
        {
            ServiceAccounts = [.. clients.Select(c => new NewClientView(c.Role, c.Account.ClientId, c.Secret))],
        };
        context.Response.Headers.Location = $"/operator/v1/tenants/{request.Slug}";
        await JsonAnswer.WriteAsync(context, 201, tenant, cancellationToken);
    }

    private static async Task<OnboardRequest?> ReadAsync(
        HttpContext context, AppCatalogue apps, CancellationToken cancellationToken)
    {
        if (await LimitedBody.ReadAsync(context, OnboardRequest.MaxBytes, ["application/json"], cancellationToken)
            is not { } body)
        {
            return null;
        }

        var faults = new List<Fault>();
        try
        {
            using var json = JsonDocument.Parse(body, Strict);
            if (OnboardRequest.Read(json.RootElement, apps.Newest, faults) is { } request)
            {
                return request;
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            await ProblemResults.WriteAsync(
                context, 400, "malformed-json",
                "The body is not JSON, or a name stands twice in an object.",
                null, cancellationToken);
            return null;
        }

        await ProblemResults.WriteAsync(
            context, 422, "invalid-value", "The tenant has faults.", faults, cancellationToken);
        return null;
    }

    private static async Task<bool> IsFreeAsync(
        HttpContext context, OnboardRequest request, CatalogueSnapshot catalogue, CancellationToken cancellationToken)
    {
        var faults = new List<Fault>();
        if (catalogue.BySlug.TryGetValue(request.Slug, out var other)
            && !(other.Status == TenantStatus.Preparing
                && other.Placement.Unit.Isolation == request.Isolation
                && other.App == request.Model.Name))
        {
            faults.Add(new("not-unique", "A tenant has this slug already.", "/slug"));
        }

        for (var i = 0; i < request.Hosts.Length; i++)
        {
            if (catalogue.ByHost.TryGetValue(request.Hosts[i], out var owner) && owner.Slug != request.Slug)
            {
                faults.Add(new("not-unique", "A tenant has this host already.", $"/hosts/{i}"));
            }
        }

        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context, 409, "conflict", "Another tenant has what this one asks for.", faults, cancellationToken);
        }

        return faults.Count == 0;
    }

    /// <summary>A service account with its secret, which is kept only as a digest.</summary>
    internal sealed record Client(string Role, string Secret, NewServiceAccount Account)
    {
        internal static Client Create(OnboardRequest.Account account)
        {
            // The prefixes let scanners of sources and logs know what they have found.
            var secret = "bhs_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
            var id = "bhc_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(15));
            var digest = SHA256.HashData(Encoding.UTF8.GetBytes(secret));
            return new(account.Role, secret, new(id, digest, account.Description, [account.Role]));
        }
    }
}
