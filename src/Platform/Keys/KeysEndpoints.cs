using Bulkhead.Kernel;
using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// Keys, as those see them who answer for them: the tenant's security officer (roles with <c>keys: read</c> or <c>keys: manage</c>) its
/// own, the operator the roots. Nobody is ever shown a key.
/// </summary>
public static class KeysEndpoints
{
    public static IServiceCollection AddKeys(this IServiceCollection services) => services.AddBackgroundWork<KeyUpkeep>();

    public static IEndpointRouteBuilder MapKeys(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/keys", ListKeys.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/rotate", RotateKeys.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/verify", VerifyKeys.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/revoke", SwitchKeys.RevokeAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/restore", SwitchKeys.RestoreAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/keys/service", HoldKeys.ShowAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPut("/api/v1/keys/service", HoldKeys.RegisterAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapDelete("/api/v1/keys/service", HoldKeys.RemoveAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/import", ImportKey.OfferAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/import/{id:guid}", ImportKey.TakeAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/keys/subjects/{plural}/{id:guid}", EraseSubject.ShowAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/subjects/{plural}/{id:guid}/erase", EraseSubject.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/keys/destroy", DestroyKeys.ShowAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/keys/destroy", DestroyKeys.TenantAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapDelete("/api/v1/keys/destroy", DestroyKeys.CancelAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/operator/v1/tenants/{slug}/keys/destroy", DestroyKeys.OperatorAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapGet("/operator/v1/keys", ListRoots.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPost("/operator/v1/keys/rotate", RotateRoot.HandleAsync).WithMetadata(EndpointPolicy.Operator);
        return routes;
    }
}
