using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Keys that come from the tenant, and keys that go for good.</summary>
[Collection(World.Name)]
public sealed class KeyHandingTests(World world) : IAsyncLifetime
{
    private static readonly Guid Record = Guid.Parse("018f0000-0000-7000-8000-00000000cccc");

    private Installation _installation = null!;

    public async Task InitializeAsync() =>
        _installation = await Installation.CreateAsync(world.Cluster, $"hand_{Guid.NewGuid():N}"[..16]);

    public Task DisposeAsync() => _installation.DisposeAsync().AsTask();

    [Fact]
    public async Task An_imported_key_wraps_the_keys_of_the_rows_and_is_taken_once()
    {
        var tenant = await _installation.OnboardAsync("bringer", IsolationKind.Shared);
        var other = await _installation.OnboardAsync("stranger", IsolationKind.Shared);
        var envelope = (await KeysAsync(tenant)).Seal("health", Record, "text"u8);
        var own = RandomNumberGenerator.GetBytes(32);
        var offer = await _installation.Import.OfferAsync(Officer(tenant, "a"), default);
        var sealedKey = ImportSealing.Seal(offer.PublicKey, own, offer.Associated);

        await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(other, "a"), offer.Id, sealedKey, default));
        await Assert.ThrowsAsync<ImportRefused>(
            () => _installation.Import.TakeAsync(Officer(tenant, "a"), Guid.CreateVersion7(), sealedKey, default));
        var bound = ImportSealing.Seal(offer.PublicKey, own, "something else"u8);
        await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, bound, default));
        var longer = ImportSealing.Seal(offer.PublicKey, RandomNumberGenerator.GetBytes(33), offer.Associated);
        await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, longer, default));
        for (var i = 0; i < sealedKey.Length; i += 7)
        {
            var changed = (byte[])sealedKey.Clone();
            changed[i] ^= 1;
            await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, changed, default));
        }

        await _installation.Custody.WithdrawAsync(Officer(tenant, "a"), default);
        await Assert.ThrowsAsync<TenantFault>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, sealedKey, default));
        await _installation.Custody.RestoreAsync(Officer(tenant, "a"), default);
        Assert.Equal(1, (await KeyAsync(tenant)).Version);
        Assert.Equal(2, await _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, sealedKey, default));
        await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, sealedKey, default));
        var content = new byte[RecordKeys.ContentLength(envelope)];
        (await KeysAsync(tenant)).Open("health", Record, envelope, content);

        // It is really the key that was brought: with it alone the data key opens.
        using var brought = SecretKey.CopyOf(own);
        Assert.True(brought.Matches((await KeyAsync(tenant)).Commitment));
        _installation.Catalogue.Current.Keys[tenant.Id].Epochs[0].Unwrap(brought, tenant.Id).Dispose();
    }

    [Fact]
    public async Task An_offer_that_is_too_old_is_refused()
    {
        var tenant = await _installation.OnboardAsync("late", IsolationKind.Shared);
        var offer = await _installation.Import.OfferAsync(Officer(tenant, "a"), default);
        await using var control = await _installation.AsDeployerAsync(Control);
        await control.RunAsync("update control.key_import set expires_at = now() - interval '1 second'", default);
        var sealedKey = ImportSealing.Seal(offer.PublicKey, new byte[32], offer.Associated);
        await Assert.ThrowsAsync<ImportRefused>(() => _installation.Import.TakeAsync(Officer(tenant, "a"), offer.Id, sealedKey, default));
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task Destroyed_keys_need_two_actors_open_nothing_and_leave_a_receipt_that_can_be_verified(IsolationKind kind)
    {
        var tenant = await _installation.OnboardAsync("gone", kind);
        var neighbour = await _installation.OnboardAsync("staying", kind);
        var destruction = _installation.Destruction;
        await using var control = await _installation.AsDeployerAsync(Control);
        var commitment = (await KeyAsync(tenant)).Commitment;

        var asked = await destruction.DestroyAsync(Officer(tenant, "a"), default);
        Assert.Null(asked.Receipt);
        await Assert.ThrowsAsync<SecondActorNeeded>(() => destruction.DestroyAsync(Officer(tenant, "a"), default));
        await destruction.CancelAsync(Officer(tenant, "b"), default);
        Assert.Null((await destruction.DestroyAsync(Officer(tenant, "b"), default)).Receipt);

        // A request that is a day old is none any more: what follows asks anew.
        await control.RunAsync("update control.key_destruction set expires_at = now() - interval '1 second'", default);
        Assert.Null((await destruction.DestroyAsync(Officer(tenant, "a"), default)).Receipt);
        await KeysAsync(tenant);

        var done = await destruction.DestroyAsync(Officer(tenant, "b"), default);
        var receipt = done.Receipt!;
        Assert.Equal("service a", done.RequestedBy);
        Assert.Equal("service b", done.ConfirmedBy);
        var signatures = new ReceiptSignatures(receipt.EcdsaP256, receipt.MlDsa65, receipt.WhyNoMlDsa65);
        Assert.True(ReceiptSigning.Verify(receipt.PublicKey, Encoding.UTF8.GetBytes(receipt.Text), signatures, requireBoth: false).IsGenuine);
        Assert.False(ReceiptSigning.Verify(
            receipt.PublicKey, Encoding.UTF8.GetBytes(receipt.Text.Replace("gone", "kept", StringComparison.Ordinal) + " "), signatures, false).IsGenuine);
        var told = JsonDocument.Parse(receipt.Text).RootElement;
        Assert.Equal(tenant.Id.ToString(), told.GetProperty("tenant").GetString());
        Assert.Equal(4, told.GetProperty("keys").GetArrayLength());
        Assert.Contains(Convert.ToHexStringLower(commitment), receipt.Text, StringComparison.Ordinal);
        var backups = told.GetProperty("lastBackupExpires").GetDateTimeOffset() - DateTimeOffset.UtcNow;
        // The root's epoch, the backups of the databases, and a backup of the roots that is made on the last day.
        Assert.InRange(backups.TotalDays, 30 + 35 + 35 - 1, 30 + 35 + 35 + 1);

        Assert.Equal(TenantFaultKind.KeysDestroyed, (await Assert.ThrowsAsync<TenantFault>(async () => await KeysAsync(tenant))).Kind);
        Assert.Equal(0, await control.ScalarAsync<long>(
            "select (select count(*) from control.tenant_key where tenant_id = $1) + (select count(*) from control.data_key where tenant_id = $1)",
            default, tenant.Id.Value));
        Assert.Equal(receipt.Text, (await destruction.DestroyAsync(Officer(tenant, "c"), default)).Receipt!.Text);
        await KeysAsync(neighbour);
        await Assert.ThrowsAsync<TenantFault>(
            () => _installation.Custody.RotateAsync(Officer(tenant, "a"), TenantKeyRotation.Data, default));
        await _installation.Custody.RotateRootAsync(Installation.Operator, "r", null, default);
    }

    [Fact]
    public async Task A_destruction_that_was_killed_destroys_all_or_nothing()
    {
        var tenant = await _installation.OnboardAsync("interrupted", IsolationKind.Shared);
        await _installation.Destruction.DestroyAsync(Officer(tenant, "a"), default);
        foreach (var (act, table) in new[]
        {
            ("delete", "control.data_key"), ("delete", "control.tenant_key"), ("update", "control.key_destruction"),
            ("insert", "control.audit_entry"),
        })
        {
            await using (await Sabotage.AtAsync(_installation, Control, act, table))
            {
                await Assert.ThrowsAnyAsync<Exception>(() => _installation.Destruction.DestroyAsync(Officer(tenant, "b"), default));
            }

            await _installation.Catalogue.RefreshAsync(default);
            Assert.All(await _installation.Custody.VerifyAsync(Officer(tenant, "a"), default), check => Assert.Null(check.Problem));
        }

        Assert.NotNull((await _installation.Destruction.DestroyAsync(Officer(tenant, "b"), default)).Receipt);
    }

    private string Control => new Npgsql.NpgsqlConnectionStringBuilder(_installation.Options.AppConnection).Database!;

    private static RequestContext Officer(Tenant tenant, string id) =>
        new(tenant.Id, new Actor(ActorKind.Service, id, ["securityOfficer"]), "request-3", "ward@1");

    private static ValueTask<RecordKeys> KeysAsync(Tenant tenant) => tenant.Installation.Ring.OpenAsync(tenant.Id, "patient", default);

    private static async Task<WrappedTenantKey> KeyAsync(Tenant tenant)
    {
        await tenant.Installation.Catalogue.RefreshAsync(default);
        return tenant.Installation.Catalogue.Current.Keys[tenant.Id].Keys.Last(k => k.Purpose == KeyPurpose.Data);
    }
}
