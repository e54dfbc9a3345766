using Bulkhead.Kernel.Isolation;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Gateway;

/// <summary>Messages of the edge: words of ours and request ids, nothing that a client sent.</summary>
internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Debug, "Request {RequestId} refused at the edge: {Code}")]
    public static partial void Refused(this ILogger logger, string requestId, string code);

    [LoggerMessage(1002, LogLevel.Warning, "Request {RequestId}: the tenant's data could not be reached: {Kind}, SQLSTATE {SqlState} "
        + "(53100: the disk is full; PostgreSQL's log says more)")]
    public static partial void Unreachable(this ILogger logger, string requestId, TenantFaultKind kind, string sqlState);

    [LoggerMessage(1004, LogLevel.Error, "Request {RequestId}: what is sealed of tenant {Tenant}, {Entity} {Record} does not open: {Kind}")]
    public static partial void DoesNotOpen(
        this ILogger logger, string requestId, Guid tenant, string entity, Guid? record, TenantFaultKind kind);

    [LoggerMessage(1003, LogLevel.Error, "Request {RequestId} failed with {Fault}, SQLSTATE {SqlState}\n{Stack}")]
    public static partial void Failed(this ILogger logger, string requestId, string fault, string sqlState, string? stack);
}
