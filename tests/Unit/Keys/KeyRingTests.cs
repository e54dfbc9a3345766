using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.Unit.Identity;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>How long unwrapped keys live, and what ends them.</summary>
public sealed class KeyRingTests : IAsyncLifetime, IDisposable
{
    private const int KeysOfATenant = 3;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-ring-");
    private readonly TenantId _tenant = TenantId.New();
    private readonly Clock _clock = new();
    private readonly Catalogue _catalogue = new(null!, TimeProvider.System);
    private GatedStore _store = null!;
    private RootStores _stores = null!;
    private KeyRing _ring = null!;

    public async Task InitializeAsync()
    {
        _store = new GatedStore(_folder.FullName);
        await _store.CreateAsync(1, default);
        _stores = new RootStores(_store);
        _ring = Ring();
        Show((_tenant, await MakeAsync(_tenant)));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        _ring.Dispose();
        _stores.Dispose();
        _store.Dispose();
        _catalogue.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Refuse_to_open_while_the_catalogue_was_not_read_for_too_long()
    {
        await _ring.OpenAsync(_tenant, "person", default);
        Confirmed(_catalogue) = TimeProvider.System.GetTimestamp() - (2 * 60 * TimeProvider.System.TimestampFrequency);
        await FaultsAsync(TenantFaultKind.KeysUnavailable);
        Confirmed(_catalogue) = TimeProvider.System.GetTimestamp();
        await _ring.OpenAsync(_tenant, "person", default);
    }

    [Fact]
    public async Task Keys_are_unwrapped_once_and_again_when_their_time_is_over()
    {
        await _ring.OpenAsync(_tenant, "person", default);
        _clock.Now += TimeSpan.FromMinutes(5) - TimeSpan.FromTicks(1);
        await _ring.OpenAsync(_tenant, "visit", default);
        Assert.Equal(KeysOfATenant, _store.Unwrapped);
        _clock.Now += TimeSpan.FromTicks(1);
        await _ring.OpenAsync(_tenant, "person", default);
        Assert.Equal(2 * KeysOfATenant, _store.Unwrapped);
    }

    [Fact]
    public async Task Keys_are_unwrapped_again_when_they_were_used_often_enough()
    {
        using var ring = Ring(uses: 3);
        for (var i = 0; i < 4; i++)
        {
            await ring.OpenAsync(_tenant, "person", default);
        }

        Assert.Equal(KeysOfATenant, _store.Unwrapped);
        await ring.OpenAsync(_tenant, "person", default);
        Assert.Equal(2 * KeysOfATenant, _store.Unwrapped);
    }

    [Fact]
    public async Task Whoever_waits_for_the_same_tenant_waits_for_one_unwrapping()
    {
        _store.Gate = new TaskCompletionSource();
        var waiting = Enumerable.Range(0, 64)
            .Select(_ => Task.Run(async () => await _ring.OpenAsync(_tenant, "person", default))).ToArray();
        await UntilAsync(() => _store.Unwrapped > 0);
        await Task.Delay(50);
        Assert.Equal(1, _store.Unwrapped);
        _store.Gate.SetResult();
        var keys = await Task.WhenAll(waiting);
        Assert.Single(keys.Distinct());
        Assert.Equal(KeysOfATenant, _store.Unwrapped);
    }

    [Fact]
    public async Task A_request_that_gives_up_waiting_does_not_end_the_unwrapping_of_the_others()
    {
        _store.Gate = new TaskCompletionSource();
        using var impatient = new CancellationTokenSource();
        var gone = _ring.OpenAsync(_tenant, "person", impatient.Token).AsTask();
        var stays = _ring.OpenAsync(_tenant, "person", default).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        _store.Gate.SetResult();
        Assert.NotNull(await stays);
    }

    [Fact]
    public async Task A_store_that_was_away_is_asked_again_and_no_fault_stays()
    {
        // Many times: a fault that is ready at once must not be kept in the place of the next try.
        for (var i = 0; i < 300; i++)
        {
            _store.Fault = new KeyStoreFault(KeyStoreFaultKind.Unavailable, "away");
            await FaultsAsync(TenantFaultKind.KeysUnavailable);
            _store.Fault = null;
            await _ring.OpenAsync(_tenant, "person", default);
            _clock.Now += TimeSpan.FromHours(1);
        }

        _store.Fault = new KeyStoreFault(KeyStoreFaultKind.Withdrawn, "no");
        await FaultsAsync(TenantFaultKind.KeysWithdrawn);
    }

    [Fact]
    public async Task Many_threads_that_meet_the_end_of_the_cache_time_all_get_keys_that_work()
    {
        using var ring = Ring(uses: 1);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 300; i++)
            {
                var keys = await ring.OpenAsync(_tenant, "person", default);
                var row = Guid.CreateVersion7();
                var content = new byte[32];
                keys.Open("health", row, keys.Seal("health", row, new byte[32]), content);
            }
        })));
    }

    [Fact]
    public async Task A_change_of_the_catalogue_unwraps_anew_and_nothing_else_does()
    {
        var before = await _ring.OpenAsync(_tenant, "person", default);
        var other = TenantId.New();
        Show((_tenant, _catalogue.Current.Keys[_tenant]), (other, await MakeAsync(other)));
        Assert.Same(before, await _ring.OpenAsync(_tenant, "person", default));
        Show((_tenant, await MakeAsync(_tenant)));
        Assert.NotSame(before, await _ring.OpenAsync(_tenant, "person", default));
    }

    [Fact]
    public async Task Withdrawn_keys_are_refused_at_once_dropped_by_the_sweep_and_given_again_when_restored()
    {
        var keys = _catalogue.Current.Keys[_tenant];
        await _ring.OpenAsync(_tenant, "person", default);
        _ring.RequireOpen(_tenant);
        Show((_tenant, new TenantKeys(keys.Keys, keys.Epochs, isRevoked: true)));
        await FaultsAsync(TenantFaultKind.KeysWithdrawn);
        Assert.Equal(TenantFaultKind.KeysWithdrawn, Assert.Throws<TenantFault>(() => _ring.RequireOpen(_tenant)).Kind);
        Assert.Equal(1, _ring.Held);
        _ring.Sweep();
        Assert.Equal(0, _ring.Held);
        Show((_tenant, new TenantKeys(keys.Keys, keys.Epochs, isRevoked: false)));
        Assert.NotNull(await _ring.OpenAsync(_tenant, "person", default));
    }

    [Fact]
    public async Task Keys_that_are_withdrawn_while_they_are_unwrapped_are_not_handed_out()
    {
        var keys = _catalogue.Current.Keys[_tenant];
        _store.Gate = new TaskCompletionSource();
        var opening = _ring.OpenAsync(_tenant, "person", default).AsTask();
        await UntilAsync(() => _store.Unwrapped > 0);
        Show((_tenant, new TenantKeys(keys.Keys, keys.Epochs, isRevoked: true)));
        _store.Gate.SetResult();
        Assert.Equal(TenantFaultKind.KeysWithdrawn, (await Assert.ThrowsAsync<TenantFault>(() => opening)).Kind);
    }

    [Fact]
    public async Task Destroyed_keys_are_told_as_destroyed_whichever_of_them_is_gone()
    {
        var keys = _catalogue.Current.Keys[_tenant];
        await _ring.OpenAsync(_tenant, "person", default);
        Show((_tenant, new TenantKeys(keys.Keys, [], isRevoked: false)));
        await FaultsAsync(TenantFaultKind.KeysDestroyed);
        Show((_tenant, new TenantKeys([], keys.Epochs, isRevoked: false)));
        await FaultsAsync(TenantFaultKind.KeysDestroyed);
        Show();
        await FaultsAsync(TenantFaultKind.KeysDestroyed);
        _ring.Sweep();
        Assert.Equal(0, _ring.Held);
    }

    [Fact]
    public async Task What_does_not_fit_together_is_out_of_reach_and_no_fault_of_the_program()
    {
        var keys = _catalogue.Current.Keys[_tenant];
        var (data, index) = (keys.Keys[0], keys.Keys[1]);
        var epoch = keys.Epochs[0];
        var other = TenantId.New();
        var others = await MakeAsync(other);
        var late = _clock.Now + TimeSpan.FromDays(1);
        foreach (var wrong in new TenantKeys[]
        {
            new([index], keys.Epochs, false),
            new([data], keys.Epochs, false),
            new([data with { ActiveAt = late }, index with { ActiveAt = late }], keys.Epochs, false),
            new(keys.Keys, [epoch with { ActiveAt = late }], false),
            new(keys.Keys, [epoch with { TenantKeyVersion = 2 }], false),
            new(keys.Keys, [epoch with { Epoch = 2 }], false),
            new(keys.Keys, [epoch with { Commitment = others.Epochs[0].Commitment }], false),
            new(keys.Keys, [epoch with { Commitment = [] }], false),
            new(keys.Keys, [epoch with { Wrapped = others.Epochs[0].Wrapped, Commitment = others.Epochs[0].Commitment }], false),
            new(keys.Keys, [epoch with { Wrapped = [] }], false),
            new([data with { Commitment = index.Commitment }, index], keys.Epochs, false),
            new([data, index with { Commitment = data.Commitment }], keys.Epochs, false),
            new([data, index with { Wrapped = data.Wrapped, Commitment = data.Commitment }], keys.Epochs, false),
            new([others.Keys[0], index], keys.Epochs, false),
            new([data with { Root = 7 }, index], keys.Epochs, false),
            new([data with { Store = "pkcs11" }, index], keys.Epochs, false),
            new([data with { Store = null, Root = null }, index], keys.Epochs, false),
        })
        {
            Show((_tenant, wrong));
            await FaultsAsync(TenantFaultKind.KeysUnavailable);
        }

        // Two epochs of the same tenant under each other's numbers.
        var two = await MakeAsync(_tenant, epochs: 2);
        Show((_tenant, two));
        Assert.NotNull(await _ring.OpenAsync(_tenant, "person", default));
        Show((_tenant, new(two.Keys, [two.Epochs[0] with { Epoch = 2 }, two.Epochs[1] with { Epoch = 1 }], false)));
        await FaultsAsync(TenantFaultKind.KeysUnavailable);
    }

    [Fact]
    public async Task An_announced_epoch_opens_before_it_seals()
    {
        var late = _clock.Now + TimeSpan.FromSeconds(3);
        Show((_tenant, await MakeAsync(_tenant, epochs: 2, secondAt: late)));
        var keys = await _ring.OpenAsync(_tenant, "person", default);
        Assert.Equal(1, keys.Epoch);
        _clock.Now = late;
        Assert.Equal(2, (await _ring.OpenAsync(_tenant, "person", default)).Epoch);
    }

    [Fact]
    public async Task Two_generations_are_the_same_only_when_nothing_of_the_keys_differs()
    {
        var keys = await MakeAsync(_tenant);
        Assert.True(keys.IsSame(new(
            [.. keys.Keys.Select(k => k with { Wrapped = [.. k.Wrapped], Commitment = [.. k.Commitment] })],
            [.. keys.Epochs.Select(e => e with { Wrapped = [.. e.Wrapped], Commitment = [.. e.Commitment] })],
            false)));
        var (key, epoch) = (keys.Keys[0], keys.Epochs[0]);
        foreach (var changed in new[]
        {
            key with { Version = 2 }, key with { Root = 2 }, key with { Store = "pkcs11" }, key with { Wrapped = [1] },
            key with { Commitment = [1] }, key with { ActiveAt = _clock.Now + TimeSpan.FromDays(1) },
        })
        {
            Assert.False(keys.IsSame(new([changed, keys.Keys[1]], keys.Epochs, false)));
        }

        foreach (var changed in new[]
        {
            epoch with { Epoch = 2 }, epoch with { TenantKeyVersion = 2 }, epoch with { Wrapped = [1] }, epoch with { Commitment = [1] },
            epoch with { ActiveAt = _clock.Now + TimeSpan.FromDays(1) },
        })
        {
            Assert.False(keys.IsSame(new(keys.Keys, [changed], false)));
        }

        Assert.False(keys.IsSame(new(keys.Keys, keys.Epochs, true)));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_confirmed")]
    private static extern ref long Confirmed(Catalogue catalogue);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_current")]
    private static extern ref CatalogueSnapshot Current(Catalogue catalogue);

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var i = 0; !holds(); i++)
        {
            Assert.True(i < 1000, "it did not happen within ten seconds");
            await Task.Delay(10);
        }
    }

    private KeyRing Ring(long uses = 1_000_000) => new(
        _catalogue,
        new TenantKeyUnwrapping(_stores, new HeldKeyStores(new Sealing(), new TenantHeldKeyOptions(), _clock)),
        new KernelOptions { AppConnection = "Host=x", KeyDirectory = _folder.FullName, KeyCacheUses = uses },
        _clock);

    private void Show(params (TenantId Tenant, TenantKeys Keys)[] keys)
    {
        Current(_catalogue) = new CatalogueSnapshot { Keys = keys.ToFrozenDictionary(k => k.Tenant, k => k.Keys) };
        Confirmed(_catalogue) = TimeProvider.System.GetTimestamp();
    }

    private async Task FaultsAsync(TenantFaultKind kind) =>
        Assert.Equal(kind, (await Assert.ThrowsAsync<TenantFault>(async () => await _ring.OpenAsync(_tenant, "person", default))).Kind);

    private async Task<TenantKeys> MakeAsync(TenantId tenant, int epochs = 1, DateTimeOffset? secondAt = null)
    {
        using var data = SecretKey.Random();
        using var index = SecretKey.Random();
        using var subject = SecretKey.Random();
        var wrapped = new List<WrappedDataKey>();
        for (var epoch = 1; epoch <= epochs; epoch++)
        {
            using var key = SecretKey.Random();
            wrapped.Add(new(
                epoch,
                1,
                WrappedDataKey.Wrap(data, tenant, epoch, 1, key),
                key.Commitment(),
                epoch == 2 && secondAt is { } at ? at : _clock.Now));
        }

        return new(
            [
                await WrapAsync(tenant, KeyPurpose.Data, data),
                await WrapAsync(tenant, KeyPurpose.Index, index),
                await WrapAsync(tenant, KeyPurpose.Subject, subject),
            ],
            [.. wrapped],
            isRevoked: false);
    }

    private async Task<WrappedTenantKey> WrapAsync(TenantId tenant, KeyPurpose purpose, SecretKey key) => new(
        purpose,
        1,
        1,
        "file",
        null,
        await _store.WrapAsync(1, key, WrappedTenantKey.Associated(tenant, purpose, 1), default),
        key.Commitment(),
        _clock.Now);
}
