using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Whoever waits for a tenant's lock has a connection: few may, and none is left behind.</summary>
public sealed class TenantLocksTests
{
    private readonly TenantId _tenant = TenantId.New();

    [Fact]
    public async Task Only_a_few_wait_for_one_lock_and_the_others_are_told_at_once()
    {
        var opened = new TaskCompletionSource<NpgsqlConnection>();
        var locks = new TenantLocks(_ => opened.Task);
        var waiting = Enumerable.Range(0, TenantLocks.MostWaiting).Select(_ => locks.TakeAsync(_tenant, TenantLock.Keys, default)).ToList();
        for (var i = 0; i < 3; i++)
        {
            var refused = await Assert.ThrowsAsync<TenantFault>(
                () => locks.TakeAsync(_tenant, TenantLock.Keys, default).WaitAsync(TimeSpan.FromSeconds(5)));
            Assert.Equal(TenantFaultKind.Busy, refused.Kind);
        }

        // The switch, and other tenants, have queues of their own.
        waiting.Add(locks.TakeAsync(_tenant, TenantLock.Switch, default));
        waiting.Add(locks.TakeAsync(TenantId.New(), TenantLock.Keys, default));
        Assert.All(waiting, one => Assert.False(one.IsCompleted));

        opened.SetException(new NpgsqlException("No connection is free."));
        foreach (var one in waiting)
        {
            await Assert.ThrowsAsync<NpgsqlException>(() => one);
        }

        // Whoever waits no longer counts no longer.
        await Assert.ThrowsAsync<NpgsqlException>(() => locks.TakeAsync(_tenant, TenantLock.Keys, default));
    }

    [Fact]
    public async Task A_connection_that_did_not_get_the_lock_is_closed()
    {
        var connection = new NpgsqlConnection();
        await Assert.ThrowsAnyAsync<Exception>(
            () => new TenantLocks(_ => Task.FromResult(connection)).TakeAsync(_tenant, TenantLock.Keys, default));
        // One that nobody closed would say that it has no connection string.
        await Assert.ThrowsAsync<ObjectDisposedException>(() => connection.OpenAsync());
    }
}
