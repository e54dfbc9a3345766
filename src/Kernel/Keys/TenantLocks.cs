using System.Collections.Concurrent;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <summary>What of a tenant is changed by one at a time, in all processes. The numbers are those of the locks in PostgreSQL.</summary>
internal enum TenantLock
{
    Keys = 1,

    /// <summary>Whether the tenant's data is open; a new capability is given under it, too.</summary>
    Switch = 4,
}

/// <summary>
/// Locks of tenants, held as long as their connections. Whoever waits has one as well, so only a few may wait for one lock: a tenant that
/// asks a thousand times at once must not take the connections of all others.
/// </summary>
/// <param name="open">A connection to the control database.</param>
internal sealed class TenantLocks(Func<CancellationToken, Task<NpgsqlConnection>> open)
{
    internal const int MostWaiting = 8;

    private readonly ConcurrentDictionary<(TenantId Tenant, TenantLock Lock), int> _waiting = new();

    /// <exception cref="TenantFault">Too many wait already, or it took too long (Busy).</exception>
    public async Task<NpgsqlConnection> TakeAsync(TenantId tenant, TenantLock of, CancellationToken cancellationToken)
    {
        NpgsqlConnection? control = null;
        try
        {
            if (_waiting.AddOrUpdate((tenant, of), 1, static (_, waiting) => waiting + 1) > MostWaiting)
            {
                throw new TenantFault(TenantFaultKind.Busy);
            }

            control = await open(cancellationToken);
            await control.RunAsync(
                "select pg_advisory_lock(hashtextextended($1, $2))", cancellationToken, tenant.ToString(), (long)of);
            return control;
        }
        catch (Exception fault)
        {
            // Nobody else would close it; and it might have the lock.
            if (control is not null)
            {
                await control.DisposeAsync();
            }

            if (fault is PostgresException { SqlState: PostgresErrorCodes.LockNotAvailable })
            {
                throw new TenantFault(TenantFaultKind.Busy, fault);
            }

            throw;
        }
        finally
        {
            _waiting.AddOrUpdate((tenant, of), 0, static (_, waiting) => waiting - 1);
        }
    }
}
