using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A token that goes away, comes back, refuses, or hangs, under a program that goes on.</summary>
[Collection(SoftHsm.Name)]
public sealed class LostTokenTests(SoftHsm hsm)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SoftHsmFact]
    public async Task A_token_that_goes_away_in_the_middle_is_unavailable_and_works_again_when_it_is_back()
    {
        using var store = hsm.Store(SoftHsm.Lost);
        await store.CreateAsync(1, default);
        await store.CreateAsync(2, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);

        using var stop = new CancellationTokenSource();
        var faults = new ConcurrentQueue<Exception>();
        var traffic = Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using var opened = await store.UnwrapAsync(1, wrapped, default, default);
                    Assert.True(opened.Bytes.SequenceEqual(key.Bytes));
                }
                catch (Exception fault)
                {
                    faults.Enqueue(fault);
                    await Task.Delay(20);
                }
            }
        })));
        await Task.Delay(200);
        var place = hsm.FolderOf(SoftHsm.Lost);
        var away = Path.Combine(hsm.Folder, "away");
        Directory.Move(place, away);
        await UntilAsync(() => !faults.IsEmpty);
        // What is away is not destroyed: neither of these may say "there is none".
        await UnavailableAsync(async () => await store.ListAsync(default));
        await UnavailableAsync(async () => await store.WrapAsync(2, key, default, default));
        await UnavailableAsync(async () => await store.CreateAsync(3, default));
        Directory.Move(away, place);
        await UntilAsync(async () => await OpensAsync(store, 1, wrapped, key));
        await stop.CancelAsync();
        await traffic;

        Assert.All(faults, fault => Assert.Equal(KeyStoreFaultKind.Unavailable, Assert.IsType<KeyStoreFault>(fault).Kind));
        var roots = await store.ListAsync(default);
        Assert.Contains(1, roots);
        Assert.Contains(2, roots);
        Assert.DoesNotContain(3, roots);
    }

    [SoftHsmFact]
    public async Task A_token_that_is_away_is_not_taken_for_an_empty_one()
    {
        foreach (var look in new Func<Pkcs11KeyStore, Task>[]
        {
            // A library may remember what it has seen: then the answer is right.
            async store => Assert.Contains(2, await store.ListAsync(default)),
            async store => await store.WrapAsync(2, SecretKey.Random(), default, default),
            async store =>
            {
                await store.DestroyAsync(2, default);
                Assert.Fail("It says that it has destroyed what is away.");
            },
        })
        {
            using var store = hsm.Store(SoftHsm.Lost);
            await UntilAsync(async () => (await store.ListAsync(default)).Length >= 0);
            await store.CreateAsync(2, default);
            using var fresh = hsm.Store(SoftHsm.Lost);
            await fresh.ListAsync(default);
            var place = hsm.FolderOf(SoftHsm.Lost);
            Directory.Move(place, place + ".away");
            try
            {
                for (var i = 0; i < 3; i++)
                {
                    await look(fresh);
                    await Task.Delay(50);
                }
            }
            catch (KeyStoreFault fault)
            {
                Assert.True(fault.Kind == KeyStoreFaultKind.Unavailable, fault.Message);
            }
            finally
            {
                Directory.Move(place + ".away", place);
            }

            await UntilAsync(async () => (await store.ListAsync(default)).Contains(2));
        }
    }

    [SoftHsmFact]
    public async Task Sessions_closed_by_another_are_opened_again_for_eight_at_once()
    {
        using var store = hsm.Store(SoftHsm.Lost);
        await UntilAsync(async () => (await store.ListAsync(default)).Length >= 0);
        await store.CreateAsync(1, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    Assert.True(await OpensAsync(store, 1, wrapped, key));
                }
            })));
            // Between the calls: SoftHSM crashes when a session is closed under one.
            CallWithSlot("C_CloseAllSessions");
        }
    }

    [SoftHsmFact]
    public async Task Being_logged_out_by_another_is_not_taken_for_an_empty_token()
    {
        using var store = hsm.Store(SoftHsm.Lost);
        await UntilAsync(async () => (await store.ListAsync(default)).Length >= 0);
        await store.CreateAsync(1, default);
        await store.CreateAsync(4, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);
        using var fresh = hsm.Store(SoftHsm.Lost);
        await fresh.WrapAsync(1, key, default, default);

        LogOut();
        Assert.NotEmpty(await fresh.WrapAsync(4, key, default, default));
        LogOut();
        Assert.Contains(4, await fresh.ListAsync(default));
        LogOut();
        Assert.True(await OpensAsync(store, 1, wrapped, key));
    }

    [SoftHsmFact]
    public async Task A_token_initialized_anew_is_found_and_holds_no_root()
    {
        using var store = hsm.Store(SoftHsm.Renewed);
        await UntilAsync(async () => (await store.ListAsync(default)).Length >= 0);
        await store.CreateAsync(1, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);

        // By another process, while ours is logged in.
        hsm.Run("softhsm2-util", "--delete-token", "--token", SoftHsm.Renewed);
        hsm.Initialize(SoftHsm.Renewed);
        var fault = await SettledAsync(async () => await store.UnwrapAsync(1, wrapped, default, default));
        Assert.Equal(KeyStoreFaultKind.NoSuchRoot, fault?.Kind);
        await store.CreateAsync(1, default);
        Assert.True(await OpensAsync(store, 1, await store.WrapAsync(1, key, default, default), key));
    }

    [SoftHsmFact]
    public async Task A_wrong_PIN_is_presented_once()
    {
        var options = hsm.Options(SoftHsm.Refused, pin: "wrong-horse-7");
        using var store = new Pkcs11KeyStore(options, TimeProvider.System);
        var fault = await SettledAsync(async () => await store.ListAsync(default));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault?.Kind);
        Assert.Contains("CKR_PIN_INCORRECT", fault!.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("horse", fault.Message, StringComparison.Ordinal);
        // Were it asked again, with the right PIN that is there now, it would open.
        await File.WriteAllTextAsync(options.PinFile, SoftHsm.Pin);
        Assert.Equal(KeyStoreFaultKind.Misconfigured, (await SettledAsync(async () => await store.ListAsync(default)))?.Kind);
        using var other = hsm.Store(SoftHsm.Refused);
        Assert.Equal(KeyStoreFaultKind.Misconfigured, (await SettledAsync(async () => await other.ListAsync(default)))?.Kind);
    }

    [SoftHsmFact]
    public async Task A_PIN_file_open_to_others_is_refused_and_the_PIN_not_presented()
    {
        var options = hsm.Options(SoftHsm.Roots);
        File.SetUnixFileMode(options.PinFile, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        using var store = new Pkcs11KeyStore(options, TimeProvider.System);
        Assert.Equal(KeyStoreFaultKind.Misconfigured, (await SettledAsync(async () => await store.ListAsync(default)))?.Kind);
        // Corrected, it goes on without a restart: the token has not refused anything.
        File.SetUnixFileMode(options.PinFile, UnixFileMode.UserRead);
        Assert.Null(await SettledAsync(async () => await store.ListAsync(default)));
    }

    [SoftHsmFact]
    public async Task A_label_that_two_tokens_have_is_refused()
    {
        using var store = hsm.Store(SoftHsm.Twin);
        Assert.Equal(KeyStoreFaultKind.Misconfigured, (await SettledAsync(async () => await store.CreateAsync(1, default)))?.Kind);
    }

    [SoftHsmFact]
    public async Task A_token_that_hangs_is_unavailable_in_time_and_takes_no_thread_of_the_pool()
    {
        var limit = TimeSpan.FromSeconds(3);
        using var store = new Pkcs11KeyStore(
            hsm.Options(SoftHsm.Hanging) with { OperationTimeout = limit, MaxSessions = 32 }, TimeProvider.System);
        await UntilAsync(async () => (await store.ListAsync(default)).Length >= 0);
        await store.CreateAsync(1, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);

        using (Lock(Path.Combine(hsm.FolderOf(SoftHsm.Hanging), "generation")))
        {
            var since = Stopwatch.GetTimestamp();
            var calls = Enumerable.Range(0, 40).Select(_ => UnavailableAsync(() => OpensAsync(store, 1, wrapped, key))).ToList();
            await Task.Delay(100);
            // All sessions hang by now: the server's own work goes on.
            var pool = Stopwatch.GetTimestamp();
            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => { })));
            Assert.InRange(Stopwatch.GetElapsedTime(pool), TimeSpan.Zero, limit / 2);
            await Task.WhenAll(calls);
            Assert.InRange(Stopwatch.GetElapsedTime(since), limit / 2, limit * 4);
        }

        await UntilAsync(async () => await OpensAsync(store, 1, wrapped, key));
    }

    private static async Task<bool> OpensAsync(Pkcs11KeyStore store, int root, byte[] wrapped, SecretKey key)
    {
        using var opened = await store.UnwrapAsync(root, wrapped, default, default);
        return opened.Bytes.SequenceEqual(key.Bytes);
    }

    private static async Task UnavailableAsync(Func<Task> act)
    {
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(act);
        Assert.True(fault.Kind == KeyStoreFaultKind.Unavailable, fault.Message);
    }

    /// <summary>What comes of it once the token is not unavailable any more; null when it succeeds.</summary>
    private static async Task<KeyStoreFault?> SettledAsync(Func<Task> act)
    {
        KeyStoreFault? fault = null;
        await UntilAsync(async () =>
        {
            try
            {
                await act();
                fault = null;
                return true;
            }
            catch (KeyStoreFault found) when (found.Kind != KeyStoreFaultKind.Unavailable)
            {
                fault = found;
                return true;
            }
        });
        return fault;
    }

    private static Task UntilAsync(Func<bool> holds) => UntilAsync(() => Task.FromResult(holds()));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                if (await holds())
                {
                    return;
                }
            }
            catch (KeyStoreFault fault) when (fault.Kind == KeyStoreFaultKind.Unavailable)
            {
                Assert.True(Stopwatch.GetElapsedTime(since) < Patience, fault.Message);
            }

            Assert.True(Stopwatch.GetElapsedTime(since) < Patience, "It did not come about.");
            await Task.Delay(50);
        }
    }

    /// <summary>A call of another user of the library in this process.</summary>
    private static void CallWithSlot(string function)
    {
        var functions = CryptokiLibrary.Open(SoftHsm.Library).Functions;
        var slot = functions.Slots().Single(s => functions.TokenIn(s).Label == SoftHsm.Lost);
        Assert.Equal((nuint)0, Call(function)(slot));
    }

    private static void LogOut()
    {
        var functions = CryptokiLibrary.Open(SoftHsm.Library).Functions;
        var session = functions.OpenSession(functions.Slots().Single(s => functions.TokenIn(s).Label == SoftHsm.Lost), write: false);
        Assert.Equal((nuint)0, Call("C_Logout")(session));
        functions.CloseSession(session);
    }

    private static OneNumber Call(string function) => Marshal.GetDelegateForFunctionPointer<OneNumber>(
        NativeLibrary.GetExport(NativeLibrary.Load(SoftHsm.Library), function));

    // SoftHSM waits for the lock of a file as long as it takes; a lock of an open file holds against our own process, too.
    private static FileStream Lock(string path)
    {
        const int setLockOfOpenFile = 37;
        var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var exclusive = new byte[32];
        exclusive[0] = 1;
        Assert.Equal(0, fcntl((int)file.SafeFileHandle.DangerousGetHandle(), setLockOfOpenFile, exclusive));
        return file;
    }

    private delegate nuint OneNumber(nuint number);

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int fcntl(int file, int command, byte[] argument);
}
