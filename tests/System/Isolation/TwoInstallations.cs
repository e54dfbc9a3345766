using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Isolation;

public class TwoInstallations
{
    [Fact]
    public async Task Two_installations_in_one_cluster_do_not_meet()
    {
        await using var cluster = await PostgresCluster.StartAsync("fsync = off");
        await using var one = await Installation.CreateAsync(cluster, "first");
        await using var two = await Installation.CreateAsync(cluster, "second");
        foreach (var kind in Enum.GetValues<IsolationKind>())
        {
            var here = await one.OnboardAsync($"same{(int)kind}", kind);
            var there = await two.OnboardAsync($"same{(int)kind}", kind);
            await here.AddPatientAsync(World.SameId, "ssn");
            await there.AddPatientAsync(World.SameId, "ssn");

            Assert.NotEqual(here.Unit.Database, there.Unit.Database);
            Assert.NotEqual(one.Catalogue.Current.Logins[here.Unit.Database].Role, two.Catalogue.Current.Logins[there.Unit.Database].Role);
            foreach (var database in new[] { there.Unit.Database, "second" })
            {
                var refused = await Assert.ThrowsAsync<PostgresException>(
                    () => HostileSession.ConnectAsync(HostileSession.Login(here, database)));
                Assert.Equal("42501", refused.SqlState);
            }

            // A tenant of one is nobody in the other.
            var fault = await Assert.ThrowsAsync<TenantFault>(() => two.Database.RunAsync(here.Context, new TenantWork(), default));
            Assert.Equal(TenantFaultKind.Unknown, fault.Kind);
            await one.Deployment.SuspendAsync(Installation.Operator, "r", here.Id, default);
            Assert.Single(await there.PatientsAsync());
        }

        await one.Start.CheckAsync(default);
        await two.Start.CheckAsync(default);
        // What one sealed does not open for the other.
        Assert.False(two.Sealing.TryOpen(null, Bulkhead.Kernel.Keys.SealPurpose.Cursor,
            one.Sealing.Seal(null, Bulkhead.Kernel.Keys.SealPurpose.Cursor, "x"u8, []), [], out _));
    }
}
