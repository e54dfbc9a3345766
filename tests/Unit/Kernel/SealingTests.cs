using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class SealingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-keys-");
    private readonly TenantId _tenant = TenantId.New();

    private Sealing Sealing => new(RootKey.LoadOrCreate(_folder.FullName));

    private string KeyFile => Path.Combine(_folder.FullName, "root.key");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Open_what_was_sealed_also_after_a_restart()
    {
        var value = Sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, "bound"u8);
        Assert.True(Sealing.TryOpen(_tenant, SealPurpose.Cursor, value, "bound"u8, out var opened));
        Assert.Equal("value"u8.ToArray(), opened);
    }

    [Fact]
    public void Refuse_another_tenant_another_purpose_and_other_associated_data()
    {
        var sealing = Sealing;
        var value = sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, "bound"u8);
        Assert.False(sealing.TryOpen(TenantId.New(), SealPurpose.Cursor, value, "bound"u8, out _));
        Assert.False(sealing.TryOpen(null, SealPurpose.Cursor, value, "bound"u8, out _));
        foreach (var purpose in Enum.GetValues<SealPurpose>().Where(p => p != SealPurpose.Cursor))
        {
            Assert.False(sealing.TryOpen(_tenant, purpose, value, "bound"u8, out _));
        }

        Assert.False(sealing.TryOpen(_tenant, SealPurpose.Cursor, value, "bounD"u8, out _));
        Assert.False(sealing.TryOpen(_tenant, SealPurpose.Cursor, value, [], out var nothing));
        Assert.Empty(nothing);
        // The installation's own key is no tenant's, not even of the tenant that has no bits set.
        var own = sealing.Seal(null, SealPurpose.Cursor, "value"u8, []);
        Assert.False(sealing.TryOpen(new TenantId(Guid.Empty), SealPurpose.Cursor, own, [], out _));
    }

    [Fact]
    public void Refuse_a_value_of_which_any_bit_was_flipped_or_that_was_cut()
    {
        var sealing = Sealing;
        var value = sealing.Seal(_tenant, SealPurpose.Capability, "value"u8, "bound"u8);
        for (var bit = 0; bit < value.Length * 8; bit++)
        {
            var changed = (byte[])value.Clone();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(sealing.TryOpen(_tenant, SealPurpose.Capability, changed, "bound"u8, out _));
        }

        for (var length = 0; length < value.Length; length++)
        {
            Assert.False(sealing.TryOpen(_tenant, SealPurpose.Capability, value.AsSpan(0, length), "bound"u8, out _));
        }
    }

    [Fact]
    public void The_same_value_sealed_twice_shows_no_likeness()
    {
        var sealing = Sealing;
        Assert.NotEqual(sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, []), sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, []));
    }

    [Fact]
    public void The_root_key_is_made_for_its_owner_only()
    {
        var key = RootKey.LoadOrCreate(_folder.FullName);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyFile));
        Assert.Equal(32, new FileInfo(KeyFile).Length);
        Assert.Equal(key.Check, RootKey.LoadOrCreate(_folder.FullName).Check);
        var fresh = Path.Combine(_folder.FullName, "deeper");
        RootKey.LoadOrCreate(fresh);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(fresh));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void Refuse_a_root_key_that_others_may_read_or_write(UnixFileMode extra)
    {
        RootKey.LoadOrCreate(_folder.FullName);
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | extra);
        var refusal = Assert.Throws<InvalidOperationException>(() => RootKey.LoadOrCreate(_folder.FullName));
        Assert.Contains("chmod 600", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    public void Refuse_a_root_key_of_another_length(int length)
    {
        File.WriteAllBytes(KeyFile, new byte[length]);
        File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Throws<InvalidOperationException>(() => RootKey.LoadOrCreate(_folder.FullName));
    }

    [Fact]
    public void Every_use_of_the_root_key_has_a_key_of_its_own()
    {
        var key = RootKey.LoadOrCreate(_folder.FullName);
        byte[][] derived = [key.Derive("a", "bc"u8), key.Derive("ab", "c"u8), key.Derive("a", "b"u8), key.Derive("a", []), key.Check];
        Assert.Equal(derived.Length, derived.Select(Convert.ToHexString).Distinct().Count());
    }
}
