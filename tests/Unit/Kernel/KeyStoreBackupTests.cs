using Bulkhead.Kernel.Keys;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class KeyStoreBackupTests : IDisposable
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(35);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-backup-");
    private readonly LateClock _clock = new();

    private KeyStoreBackup Backups => new(requirePostQuantum: false, _clock);

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Roots_come_back_and_open_what_they_wrapped()
    {
        var (recipient, secret, _) = Backups.MakeRecoveryKey();
        var (wrapped, key) = await FillAsync("store");
        using var disposed = key;
        var backup = Backups.Make(In("store"), recipient, Retention);

        var restored = Backups.Restore(In("other"), secret, backup);
        Assert.Equal(2, restored.Roots.Length);
        Assert.Empty(restored.Kept);
        using var store = new FileKeyStore(In("other"));
        using var opened = await store.UnwrapAsync(2, wrapped, default, default);
        Assert.True(opened.Matches(key.Commitment()));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FileKeyStore.PathOf(In("other"), 1)));

        // Again: harmless. With one of them missing: that one.
        Assert.Equal(2, Backups.Restore(In("other"), secret, backup).Kept.Length);
        File.Delete(FileKeyStore.PathOf(In("other"), 1));
        Assert.Equal(1, Assert.Single(Backups.Restore(In("other"), secret, backup).Roots));
    }

    [Fact]
    public async Task A_backup_holds_no_root_in_the_clear_and_opens_for_its_recovery_key_alone()
    {
        var (recipient, secret, _) = Backups.MakeRecoveryKey();
        await FillAsync("store");
        var backup = Backups.Make(In("store"), recipient, Retention);
        var root = File.ReadAllBytes(FileKeyStore.PathOf(In("store"), 1)).AsSpan(8).ToArray();
        Assert.Equal(-1, backup.AsSpan().IndexOf(root));
        var (_, another, _) = Backups.MakeRecoveryKey();
        Assert.Throws<BackupRefused>(() => Backups.Restore(In("other"), another, backup));
        for (var i = 0; i < backup.Length; i += 11)
        {
            var changed = (byte[])backup.Clone();
            changed[i] ^= 1;
            Assert.ThrowsAny<Exception>(() => Backups.Restore(In("other"), secret, changed));
        }

        Assert.False(Directory.Exists(In("other")));
    }

    [Fact]
    public async Task A_backup_that_has_ended_does_not_bring_a_destroyed_root_back()
    {
        var (recipient, secret, _) = Backups.MakeRecoveryKey();
        await FillAsync("store");
        var backup = Backups.Make(In("store"), recipient, Retention);
        _clock.Late = Retention + TimeSpan.FromMinutes(1);
        Assert.Contains("ended", Assert.Throws<BackupRefused>(() => Backups.Restore(In("other"), secret, backup)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(In("other")));
    }

    [Fact]
    public async Task Another_installations_roots_are_not_overwritten()
    {
        var (recipient, secret, _) = Backups.MakeRecoveryKey();
        await FillAsync("store");
        await FillAsync("other");
        var before = File.ReadAllBytes(FileKeyStore.PathOf(In("other"), 1));
        File.Delete(FileKeyStore.PathOf(In("other"), 2));
        Assert.Throws<BackupRefused>(() => Backups.Restore(In("other"), secret, Backups.Make(In("store"), recipient, Retention)));
        Assert.Equal(before, File.ReadAllBytes(FileKeyStore.PathOf(In("other"), 1)));
        Assert.False(File.Exists(FileKeyStore.PathOf(In("other"), 2)));
    }

    [Fact]
    public void A_folder_without_roots_gives_no_backup() =>
        Assert.Throws<BackupRefused>(() => Backups.Make(In("empty"), Backups.MakeRecoveryKey().Public, Retention));

    private string In(string name) => Path.Combine(_folder.FullName, name);

    private async Task<(byte[] Wrapped, SecretKey Key)> FillAsync(string name)
    {
        using var store = new FileKeyStore(In(name));
        await store.CreateAsync(1, default);
        await store.CreateAsync(2, default);
        var key = SecretKey.Random();
        return (await store.WrapAsync(2, key, default, default), key);
    }

    private sealed class LateClock : TimeProvider
    {
        public TimeSpan Late { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Late;
    }
}
