using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Work that one process of the installation does at a time: a lease in the control database, by the database's own clock. Who does not
/// renew it has lost it, and needs to do nothing more for it; so what is done under one must bear being done twice.
/// </summary>
internal sealed class Duties(TenantPools pools, KernelOptions options)
{
    private readonly string _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";
    private readonly Guid _self = Guid.CreateVersion7();

    /// <summary>Takes or renews it; false while another process has it.</summary>
    public async Task<bool> TakeAsync(string duty, TimeSpan hold, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        return await lease.Connection.RunAsync(
            """
            insert into control.duty (name, holder, until) values ($1, $2, now() + $3) on conflict (name) do update
            set holder = excluded.holder, until = excluded.until where duty.holder = excluded.holder or duty.until < now()
            """,
            cancellationToken, duty, _self, hold) == 1;
    }

    /// <summary>Gives it back, so that another need not wait until it ends.</summary>
    public async Task LeaveAsync(string duty, CancellationToken cancellationToken)
    {
        await using var lease = await pools.OpenSealerAsync(_control, cancellationToken);
        await lease.Connection.RunAsync(
            "update control.duty set until = now() where name = $1 and holder = $2", cancellationToken, duty, _self);
    }
}
