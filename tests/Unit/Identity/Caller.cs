using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Tests.Unit.Identity;

/// <summary>Sends requests to an Authentication of its own, and keeps the answer.</summary>
internal sealed class Caller
{
    private readonly Authentication _authentication;

    public Caller(Clock clock, PublicKey? operatorKey = null)
    {
        var meters = new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<IMeterFactory>();
        var snapshot = new CatalogueSnapshot { OperatorKeys = operatorKey is null ? [] : [operatorKey] };
        _authentication = new(
            () => snapshot,
            (_, _) =>
            {
                Verifications++;
                return TestIssuer.App;
            },
            new Denials(null!, meters),
            TestIssuer.Options,
            clock);
    }

    /// <summary>How often a token was verified and not found in the cache.</summary>
    public int Verifications { get; private set; }

    public DefaultHttpContext Context { get; private set; } = new();

    public string Challenge => Context.Response.Headers.WWWAuthenticate.ToString();

    public async Task<TenantCall?> CallAsync(ResolvedTenant tenant, string? token, Action<HttpRequest>? change = null)
    {
        Prepare(token, change);
        Context.Features.Set(tenant);
        return await _authentication.TenantAsync(Context);
    }

    public async Task<Actor?> CallOperatorAsync(string? token)
    {
        Prepare(token, null);
        return await _authentication.OperatorAsync(Context);
    }

    public JsonObject Problem()
    {
        Context.Response.Body.Position = 0;
        return JsonNode.Parse(Context.Response.Body)!.AsObject();
    }

    private void Prepare(string? token, Action<HttpRequest>? change)
    {
        Context = new DefaultHttpContext { TraceIdentifier = "request-1" };
        Context.Response.Body = new MemoryStream();
        if (token is not null)
        {
            Context.Request.Headers.Authorization = "Bearer " + token;
        }

        change?.Invoke(Context.Request);
    }
}
