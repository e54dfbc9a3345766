using System.Text;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class FileKeyStoreTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-roots-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("a long passphrase")]
    public async Task Unwrap_what_was_wrapped_also_after_a_restart(string? passphrase)
    {
        using var key = SecretKey.Random();
        byte[] wrapped;
        using (var store = Store(passphrase))
        {
            await store.CreateAsync(1, default);
            await store.CreateAsync(1, default);
            wrapped = await store.WrapAsync(1, key, "bound"u8.ToArray(), default);
        }

        using var again = Store(passphrase);
        using var opened = await again.UnwrapAsync(1, wrapped, "bound"u8.ToArray(), default);
        Assert.True(opened.Bytes.SequenceEqual(key.Bytes));
        Assert.Equal(1, Assert.Single(await again.ListAsync(default)));
    }

    [Fact]
    public async Task Refuse_a_wrapped_key_of_which_any_bit_was_flipped_or_that_is_bound_to_something_else()
    {
        using var store = Store();
        await store.CreateAsync(1, default);
        await store.CreateAsync(2, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, "bound"u8.ToArray(), default);
        for (var bit = 0; bit < wrapped.Length * 8; bit++)
        {
            var changed = (byte[])wrapped.Clone();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            await RefusedAsync(KeyStoreFaultKind.NotGenuine, () => store.UnwrapAsync(1, changed, "bound"u8.ToArray(), default));
        }

        await RefusedAsync(KeyStoreFaultKind.NotGenuine, () => store.UnwrapAsync(1, wrapped, "bounD"u8.ToArray(), default));
        await RefusedAsync(KeyStoreFaultKind.NotGenuine, () => store.UnwrapAsync(2, wrapped, "bound"u8.ToArray(), default));
        await RefusedAsync(KeyStoreFaultKind.NoSuchRoot, () => store.WrapAsync(3, key, default, default));
    }

    [Fact]
    public async Task A_destroyed_root_opens_nothing_any_more()
    {
        using var store = Store();
        await store.CreateAsync(1, default);
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, default, default);
        await store.DestroyAsync(1, default);
        await store.DestroyAsync(1, default);
        await RefusedAsync(KeyStoreFaultKind.NoSuchRoot, () => store.UnwrapAsync(1, wrapped, default, default));
        Assert.Empty(await store.ListAsync(default));

        // A new root of the same number is another root.
        await store.CreateAsync(1, default);
        await RefusedAsync(KeyStoreFaultKind.NotGenuine, () => store.UnwrapAsync(1, wrapped, default, default));
    }

    [Fact]
    public async Task Roots_are_made_for_their_owner_only_and_kept_in_the_clear_only_without_a_passphrase()
    {
        var deeper = Path.Combine(_folder.FullName, "deeper");
        using (var store = new FileKeyStore(deeper))
        {
            await store.CreateAsync(1, default);
        }

        var file = Path.Combine(deeper, "root-1.key");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(deeper));
        Assert.Equal(8 + 32, new FileInfo(file).Length);
        using (var store = new FileKeyStore(deeper, "a long passphrase"u8.ToArray()))
        {
            await store.CreateAsync(2, default);
        }

        using var without = new FileKeyStore(deeper);
        await RefusedAsync(KeyStoreFaultKind.Misconfigured, async () => await without.WrapAsync(2, SecretKey.Random(), default, default));
        using var wrong = new FileKeyStore(deeper, "another passphrase"u8.ToArray());
        await RefusedAsync(KeyStoreFaultKind.Misconfigured, async () => await wrong.WrapAsync(2, SecretKey.Random(), default, default));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.OtherExecute)]
    public async Task Refuse_a_root_that_others_may_touch(UnixFileMode extra)
    {
        using (var store = Store())
        {
            await store.CreateAsync(1, default);
        }

        File.SetUnixFileMode(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | extra);
        using var again = Store();
        var refusal = await RefusedAsync(
            KeyStoreFaultKind.Misconfigured, async () => await again.WrapAsync(1, SecretKey.Random(), default, default));
        Assert.Contains("chmod 600", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_root_made_without_a_passphrase_opens_under_one_and_asks_for_a_rotation()
    {
        using var key = SecretKey.Random();
        byte[] wrapped;
        using (var bare = Store())
        {
            await bare.CreateAsync(1, default);
            wrapped = await bare.WrapAsync(1, key, default, default);
            Assert.True(await bare.IsAsConfiguredAsync(1, default));
        }

        using var store = Store("a long passphrase");
        using var opened = await store.UnwrapAsync(1, wrapped, default, default);
        Assert.True(opened.Matches(key.Commitment()));
        Assert.False(await store.IsAsConfiguredAsync(1, default));
        await store.CreateAsync(2, default);
        Assert.True(await store.IsAsConfiguredAsync(2, default));
    }

    [Fact]
    public async Task A_bare_root_that_was_left_behind_is_not_taken_for_a_new_one_under_a_passphrase()
    {
        using (var bare = Store())
        {
            await bare.CreateAsync(1, default);
        }

        using var store = Store("a long passphrase");
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await store.CreateAsync(1, default));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        Assert.Contains("move it away", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherExecute)]
    public async Task Refuse_a_folder_that_others_may_touch(UnixFileMode extra)
    {
        using (var store = Store())
        {
            await store.CreateAsync(1, default);
        }

        File.SetUnixFileMode(_folder.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | extra);
        using var again = Store();
        var refusal = await RefusedAsync(
            KeyStoreFaultKind.Misconfigured, async () => await again.WrapAsync(1, SecretKey.Random(), default, default));
        Assert.Contains($"chmod 700 {_folder.FullName}", refusal.Message, StringComparison.Ordinal);
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await again.CreateAsync(2, default));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
    }

    [Fact]
    public void Refuse_what_belongs_to_another_user()
    {
        // Only root can give a folder away; for everybody else there is one that is not theirs.
        var others = "/";
        if (Environment.IsPrivilegedProcess)
        {
            others = Directory.CreateDirectory(Path.Combine(_folder.FullName, "given"), UnixFileMode.UserRead).FullName;
            using var chown = global::System.Diagnostics.Process.Start("chown", ["65534", others]);
            chown.WaitForExit();
            Assert.Equal(0, chown.ExitCode);
        }

        var fault = Assert.Throws<KeyStoreFault>(() => OwnerOnly.Require(others, "700"));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        Assert.Contains("chown", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("BHROOT1")]
    [InlineData("BHROOT1\0shorter than a root")]
    [InlineData("BHROOT2\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("BHROOT1\u0002aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task Refuse_a_file_that_is_no_root(string content)
    {
        await File.WriteAllBytesAsync(Root, Encoding.ASCII.GetBytes(content));
        File.SetUnixFileMode(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var store = Store();
        await RefusedAsync(KeyStoreFaultKind.Misconfigured, async () => await store.WrapAsync(1, SecretKey.Random(), default, default));
    }

    [Fact]
    public async Task Two_processes_that_make_the_first_root_at_once_have_the_same()
    {
        // Once is luck.
        for (var root = 1; root <= 100; root++)
        {
            var stores = Enumerable.Range(0, 4).Select(_ => Store()).ToArray();
            using var begin = new Barrier(stores.Length);
            await Task.WhenAll(stores.Select(store => Task.Factory.StartNew(
                () =>
                {
                    begin.SignalAndWait();
                    return store.CreateAsync(root, default).AsTask();
                },
                default,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap()));
            using var key = SecretKey.Random();
            var wrapped = await stores[0].WrapAsync(root, key, default, default);
            foreach (var store in stores)
            {
                using var opened = await store.UnwrapAsync(root, wrapped, default, default);
                Assert.True(opened.Matches(key.Commitment()));
                store.Dispose();
            }
        }

        Assert.Equal(100, _folder.GetFiles().Length);
    }

    private string Root => Path.Combine(_folder.FullName, "root-1.key");

    private FileKeyStore Store(string? passphrase = null) =>
        new(_folder.FullName, passphrase is null ? null : Encoding.UTF8.GetBytes(passphrase));

    private static async Task<KeyStoreFault> RefusedAsync<T>(KeyStoreFaultKind kind, Func<ValueTask<T>> act)
    {
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await act());
        Assert.Equal(kind, fault.Kind);
        return fault;
    }

    private static async Task<KeyStoreFault> RefusedAsync(KeyStoreFaultKind kind, Func<Task> act)
    {
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(act);
        Assert.Equal(kind, fault.Kind);
        return fault;
    }
}
