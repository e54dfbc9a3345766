using System.Diagnostics;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Isolation;

/// <summary>Work that one process does at a time: another follows at once when it ends, and within seconds when its process was killed.</summary>
public sealed class DutyTests : IAsyncLifetime
{
    private const string Duty = "a duty";

    private PostgresCluster _cluster = null!;
    private Installation _installation = null!;

    public async Task InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync("fsync = off");
        _installation = await Installation.CreateAsync(_cluster, "bulkhead");
    }

    public async Task DisposeAsync()
    {
        await _installation.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task One_works_the_other_does_not_and_follows_when_it_ends()
    {
        var (first, second) = (Process(), Process());
        var begun = new TaskCompletionSource();
        var end = new TaskCompletionSource();
        var work = first.WorkAsync(Duty, async _ => { begun.SetResult(); await end.Task; }, default);
        await begun.Task;
        Assert.False(await second.WorkAsync(Duty, _ => throw new InvalidOperationException("both work"), default));

        // Were its process killed now, the lease would end by itself: soon, and not before it was renewed.
        await using var owner = await _installation.AsDeployerAsync("bulkhead");
        var left = await owner.ScalarAsync<double>("select extract(epoch from until - now())::float8 from control.duty where name = $1", default, Duty);
        Assert.InRange(left, 1, 20);
        end.SetResult();
        Assert.True(await work);
        Assert.True(await second.WorkAsync(Duty, _ => Task.CompletedTask, default));
    }

    [Fact]
    public async Task Who_lost_the_lease_is_stopped_and_who_was_killed_is_followed()
    {
        var (first, second) = (Process(), Process());
        var begun = new TaskCompletionSource();
        var work = first.WorkAsync(Duty, token => { begun.SetResult(); return Task.Delay(Timeout.Infinite, token); }, default);
        await begun.Task;
        await using var owner = await _installation.AsDeployerAsync("bulkhead");
        // As it is when the holder could not renew it: it ran out, and another has it.
        var since = Stopwatch.StartNew();
        var taken = false;
        for (var i = 0; i < 20 && !taken; i++)
        {
            // It may have renewed it just now.
            await owner.RunAsync("update control.duty set until = now() - interval '1 second' where name = $1", default, Duty);
            taken = await second.WorkAsync(Duty, _ => work, default);
        }

        Assert.True(taken);
        Assert.False(await work);
        Assert.True(since.Elapsed < TimeSpan.FromSeconds(30), $"{since.Elapsed}");
    }

    [Fact]
    public async Task A_lease_that_somebody_wrote_for_years_is_none()
    {
        await using var owner = await _installation.AsDeployerAsync("bulkhead");
        await owner.RunAsync(
            "insert into control.duty (name, holder, until) values ($1, gen_random_uuid(), '2099-01-01') on conflict (name) do update set until = excluded.until, holder = excluded.holder",
            default, Duty);
        Assert.True(await Process().WorkAsync(Duty, _ => Task.CompletedTask, default));
    }

    private Duties Process() => new(_installation.Pools, _installation.Options);
}
