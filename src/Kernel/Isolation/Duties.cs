using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Work that one process of the installation does at a time: a lease in the control database, by the database's own clock, renewed as long
/// as the work goes on. Who was killed is followed within seconds. Who could not renew it has lost it and stops; so what is done under one
/// must bear being done twice.
/// </summary>
internal sealed class Duties(TenantPools pools, KernelOptions options)
{
    /// <summary>What another process waits after this one was killed.</summary>
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Renewal = Hold / 5;

    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";
    private readonly Guid _self = Guid.CreateVersion7();

    /// <summary>Does the work, if no other process is at it; the work is cancelled when the lease is lost.</summary>
    /// <returns>False while another process has it, or when it was lost.</returns>
    public async Task<bool> WorkAsync(string duty, Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        if (!await TakeAsync(duty, cancellationToken))
        {
            return false;
        }

        using var held = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var renewing = RenewAsync(duty, held);
        try
        {
            await work(held.Token);
        }
        catch (OperationCanceledException) when (held.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            await held.CancelAsync();
            await renewing;
            // Another need not wait until it ends, also when this one stops.
            await LeaveAsync(duty);
        }

        return true;
    }

    private async Task RenewAsync(string duty, CancellationTokenSource held)
    {
        var sure = TimeProvider.System.GetTimestamp();
        try
        {
            while (true)
            {
                await Task.Delay(Renewal, held.Token);
                var asked = TimeProvider.System.GetTimestamp();
                try
                {
                    if (!await TakeAsync(duty, held.Token))
                    {
                        break;
                    }

                    sure = asked;
                }
                catch (Exception fault) when (fault is NpgsqlException or IOException or TenantFault
                    && TimeProvider.System.GetElapsedTime(sure) < Hold - Renewal)
                {
                    // The database may come back before the lease ends.
                }
            }

            await held.CancelAsync();
        }
        catch (OperationCanceledException) when (held.IsCancellationRequested)
        {
            // The work is done.
        }
        catch (Exception fault) when (fault is NpgsqlException or IOException or TenantFault)
        {
            await held.CancelAsync();
        }
    }

    /// <summary>A lease that ends later than any is given is none: somebody wrote it, to have the work left undone.</summary>
    private async Task<bool> TakeAsync(string duty, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return await lease.Connection.RunAsync(
            """
            insert into control.duty (name, holder, until) values ($1, $2, now() + $3) on conflict (name) do update
            set holder = excluded.holder, until = excluded.until where duty.holder = excluded.holder or duty.until < now()
                or duty.until > now() + 2 * $3
            """,
            cancellationToken, duty, _self, Hold) == 1;
    }

    private async Task LeaveAsync(string duty)
    {
        using var limit = new CancellationTokenSource(Renewal);
        try
        {
            await using var lease = await pools.OpenSealerAsync(_control, limit.Token);
            await lease.Connection.RunAsync(
                "update control.duty set until = now() where name = $1 and holder = $2", limit.Token, duty, _self);
        }
        catch (Exception fault) when (fault is NpgsqlException or IOException or TenantFault or OperationCanceledException)
        {
            // It ends by itself.
        }
    }
}
