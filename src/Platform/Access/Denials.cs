using System.Diagnostics.Metrics;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Access;

/// <summary>Records what a known actor was refused; what an unknown one was refused is only counted, so that nobody can flood a log.</summary>
public sealed class Denials
{
    private readonly TenantDatabase _database;
    private readonly Counter<long> _anonymous;

    public Denials(TenantDatabase database, IMeterFactory meters)
    {
        _database = database;
        _anonymous = meters.Create("Bulkhead").CreateCounter<long>(
            "bulkhead.denials.anonymous", "{denial}", "Requests refused before it was known who made them.");
    }

    /// <summary>Appends the denial in its own transaction; returns after the commit, so that the refusal is recorded before it is told.</summary>
    /// <param name="code">Code of the problem that the actor gets.</param>
    /// <param name="action">What was tried, as the entry of its success would say: <c>record.update</c>.</param>
    /// <exception cref="TenantFault">The log could not be reached: answer 503, not the refusal.</exception>
    public Task RecordAsync(
        TenantCall call, string code, string action, string? entity, CancellationToken cancellationToken) =>
        _database.RunAsync(
            call.Context,
            new TenantWork().Record(
                new AuditEvent(action) { Entity = entity, Result = AuditResult.Denied, Reason = code }),
            cancellationToken);

    /// <param name="reason">A code of ours, never a word of the client: it becomes a label.</param>
    public void CountAnonymous(string reason) => _anonymous.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
