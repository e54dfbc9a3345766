using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Bulkhead.Platform.Data;

/// <summary>The tenant's data under <c>/api/v1</c>: one set of routes for the entities of every app.</summary>
public static class DataEndpoints
{
    private const string Collection = "/api/v1/{plural}";
    private const string Record = "/api/v1/{plural}/{id}";

    /// <summary>
    /// Reads <see cref="DataLimits"/> from section <c>Data</c>; a limit out of range stops the start.
    /// </summary>
    public static IServiceCollection AddData(this IServiceCollection services, IConfiguration configuration)
    {
        var limits = (configuration.GetSection("Data").Get<DataLimits>() ?? new DataLimits()).Validated();
        services.AddSingleton(limits);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<DataApi>();
        return services;
    }

    public static IEndpointRouteBuilder MapData(this IEndpointRouteBuilder routes)
    {
        var api = routes.ServiceProvider.GetRequiredService<DataApi>();
        Map("GET", "/api/v1/counts", CountRecords.HandleAsync);
        Map("GET", Collection, ListRecords.HandleAsync);
        Map("POST", Collection, CreateRecord.HandleAsync);
        Map("POST", "/api/v1/{plural}/import", ImportRecords.HandleAsync);
        Map("GET", Record, GetRecord.HandleAsync);
        Map("PATCH", Record, UpdateRecord.HandleAsync);
        Map("DELETE", Record, DeleteRecord.HandleAsync);
        return routes;

        // Plain request delegates: no binding by reflection on the way of a request.
        void Map(string method, string pattern, Func<DataApi, HttpContext, Task> handle) =>
            routes.MapMethods(pattern, [method], http => handle(api, http)).WithMetadata(EndpointPolicy.Tenant);
    }
}
