using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>A call that may do what it came for, on an entity that exists for it.</summary>
internal readonly record struct DataCall(TenantCall Tenant, EntityView View);

/// <summary>What every data endpoint stands on.</summary>
internal sealed class DataApi(
    TenantDatabase database,
    Authentication authentication,
    Denials denials,
    Sealing sealing,
    KeyRing keys,
    DataLimits limits,
    TimeProvider time)
{
    public TenantDatabase Database { get; } = database;

    public Authentication Authentication { get; } = authentication;

    public Sealing Sealing { get; } = sealing;

    /// <summary>Of what is sealed under the tenant's own keys.</summary>
    public KeyRing Keys { get; } = keys;

    public Denials Denials { get; } = denials;

    public EntityViews Views { get; } = new();

    public DataLimits Limits { get; } = limits;

    /// <summary>Now, to the microsecond that PostgreSQL keeps.</summary>
    public DateTime Now()
    {
        var now = time.GetUtcNow().UtcDateTime;
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>
    /// Who calls, and may they. Null when they may not: the answer is written, the denial recorded. An entity that is
    /// not there and one that is not theirs answer alike, and both leave their entry, so that not even the time tells
    /// them apart.
    /// </summary>
    public async ValueTask<DataCall?> EnterAsync(HttpContext http, EntityActions action, string name)
    {
        if (await Authentication.TenantAsync(http) is not { } call)
        {
            return null;
        }

        var exists = call.App.ByPlural.TryGetValue((string)http.Request.RouteValues["plural"]!, out var entity);
        if (exists && Views.For(call.App, call.Context.Actor, entity!) is { } view && view.Allows(action))
        {
            return new DataCall(call, view);
        }

        await Denials.RecordAsync(call, "not-found", name, entity?.Name, http.RequestAborted);
        await ProblemResults.NotFoundAsync(http, http.RequestAborted);
        return null;
    }

    /// <summary>The tenant's keys of the entity; null where nothing of it is sealed.</summary>
    /// <exception cref="TenantFault">The keys are withdrawn, destroyed or out of reach.</exception>
    public async ValueTask<RecordKeys?> KeysAsync(DataCall call, CancellationToken cancellationToken) =>
        call.View.Stored.NeedKeys
            ? await Keys.OpenAsync(call.Tenant.Context.Tenant, call.View.Entity.Name, cancellationToken)
            : null;

    /// <summary>What a shape needs to be written; null where it shows nothing that is sealed.</summary>
    public async ValueTask<OpenedRecord?> OpenerAsync(
        TenantCall call, EntityView view, bool isNeeded, CancellationToken cancellationToken) =>
        isNeeded
            ? new OpenedRecord(view, await Keys.OpenAsync(call.Context.Tenant, view.Entity.Name, cancellationToken))
            : null;

    /// <summary>True when the request has no query; else the refusal is written.</summary>
    public static ValueTask<bool> HasNoQueryAsync(HttpContext http) =>
        http.Request.QueryString.HasValue && http.Request.QueryString.Value!.Length > 1
            ? RefuseQueryAsync(http)
            : new(true);

    /// <summary>False also for what is no UUID: there is no such record.</summary>
    public static bool TryGetId(HttpContext http, out Guid id) =>
        Guid.TryParseExact((string?)http.Request.RouteValues["id"], "D", out id);

    private static async ValueTask<bool> RefuseQueryAsync(HttpContext http)
    {
        await ProblemResults.WriteAsync(
            http,
            StatusCodes.Status400BadRequest,
            "unknown-parameter",
            "The endpoint takes no parameters.",
            cancellationToken: http.RequestAborted);
        return false;
    }
}
