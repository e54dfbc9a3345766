using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class SealingTests
{
    private readonly byte[] _key = System.Security.Cryptography.RandomNumberGenerator.GetBytes(SecretKey.Length);
    private readonly TenantId _tenant = TenantId.New();

    private Sealing Sealing => new(SecretKey.CopyOf(_key));

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
    public void Open_under_an_older_installation_key_and_seal_under_the_newest()
    {
        var sealing = Sealing;
        var older = sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, []);
        Assert.False(sealing.IsOutdated(older));
        using var next = SecretKey.Random();
        sealing.Use(2, SecretKey.CopyOf(next.Bytes));
        Assert.True(sealing.IsOutdated(older));
        Assert.True(sealing.TryOpen(_tenant, SealPurpose.Cursor, older, [], out _));
        var newer = sealing.Seal(_tenant, SealPurpose.Cursor, "value"u8, []);
        Assert.False(sealing.IsOutdated(newer));
        Assert.False(Sealing.TryOpen(_tenant, SealPurpose.Cursor, newer, [], out _));
    }
}
