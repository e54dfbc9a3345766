using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>From one way of keeping roots to another: the next rotation moves everything, wherever the last one was killed.</summary>
[Collection(World.Name)]
public sealed class KeyStoreMoveTests(World world) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-passphrase-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_rotation_that_was_killed_before_a_passphrase_came_ends_under_the_passphrase()
    {
        await using var bare = await Installation.CreateAsync(world.Cluster, $"keys_{Guid.NewGuid():N}"[..16]);
        var tenant = await bare.OnboardAsync("moved", IsolationKind.Shared);
        await tenant.AddPatientAsync(Guid.CreateVersion7());
        Assert.Empty(await bare.Custody.RootsToMoveAsync(default));
        var control = new Npgsql.NpgsqlConnectionStringBuilder(bare.Options.AppConnection).Database!;
        await using (await Sabotage.AtAsync(bare, control, "update", "control.tenant_key"))
        {
            await Assert.ThrowsAnyAsync<Exception>(() => bare.Custody.RotateRootAsync(Installation.Operator, "r", null, default));
        }

        var file = Path.Combine(_folder.FullName, "passphrase");
        await File.WriteAllTextAsync(file, "a long passphrase\n");
        await using var kept = bare.Another(options => options with { KeyPassphraseFile = file });
        await kept.Catalogue.RefreshAsync(default);
        Assert.Equal([1, 2], (await kept.Custody.RootsToMoveAsync(default)).Select(root => root.Root));
        // Until then what is there serves, and what is new hangs on it.
        var early = await kept.OnboardAsync("early", IsolationKind.Schema);
        await early.AddPatientAsync(Guid.CreateVersion7());

        Assert.Equal(3, await kept.Custody.RotateRootAsync(Installation.Operator, "r", null, default));
        Assert.Empty(await kept.Custody.RootsToMoveAsync(default));
        Assert.Equal(3, Assert.Single(await kept.Custody.RootsAsync(default), root => root.RetiredAt is null).Root);
        foreach (var root in new[] { 1, 2 })
        {
            File.Delete(Path.Combine(bare.Options.KeyDirectory, $"root-{root}.key"));
        }

        await using var restarted = kept.Another();
        await restarted.Deployment.PrepareAsync(null, default);
        await restarted.Catalogue.RefreshAsync(default);
        foreach (var id in new[] { tenant.Id, early.Id })
        {
            var there = new Tenant(restarted, id);
            Assert.Single(await there.PatientsAsync());
            Assert.All(await restarted.Custody.VerifyAsync(there.Context, default), check => Assert.Null(check.Problem));
        }
    }
}
