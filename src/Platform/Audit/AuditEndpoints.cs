using Bulkhead.Kernel;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Audit.Retention;
using Bulkhead.Platform.Audit.Streams;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Bulkhead.Platform.Audit;

/// <summary>The read side of a tenant's audit log; only Kernel writes it.</summary>
public static class AuditEndpoints
{
    public static IServiceCollection AddAudit(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton((configuration.GetSection("Bulkhead:Audit:Tail").Get<TailOptions>() ?? new TailOptions()).Validated());
        services.AddSingleton<AuditTails>();
        return services.AddBackgroundWork<StreamSending>().AddBackgroundWork<WitnessCalls>();
    }

    public static IEndpointRouteBuilder MapAudit(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/audit", ReadAudit.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/{id:guid}/values", DiscloseValues.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/tail", TailAudit.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/{plural}/{id}/audit", ReadAudit.TimelineAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/export", ExportAudit.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/total", ProveTotal.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/policy", ShowPolicy.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/log", ShowLog.HandleAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/log/checkpoint", ServeTiles.CheckpointAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/log/tile/{**path}", ServeTiles.TileAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/heads/checkpoint", ServeTiles.HeadsCheckpointAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/heads/tile/{**path}", ServeTiles.HeadsTileAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/streams", StreamEndpoints.ListAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/audit/streams", StreamEndpoints.AddAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/streams/{name}", StreamEndpoints.ShowAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapDelete("/api/v1/audit/streams/{name}", StreamEndpoints.RemoveAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/retention", RetentionEndpoints.ShowAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPut("/api/v1/audit/retention", RetentionEndpoints.KeepAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/api/v1/audit/holds", RetentionEndpoints.HoldsAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/audit/holds", RetentionEndpoints.PlaceAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapPost("/api/v1/audit/holds/{id:guid}/lift", RetentionEndpoints.LiftAsync).WithMetadata(EndpointPolicy.Tenant);
        routes.MapGet("/operator/v1/witnesses", Witnesses.ListAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapPut("/operator/v1/witnesses/{name}", Witnesses.PutAsync).WithMetadata(EndpointPolicy.Operator);
        routes.MapDelete("/operator/v1/witnesses/{name}", Witnesses.RemoveAsync).WithMetadata(EndpointPolicy.Operator);
        return routes;
    }
}
