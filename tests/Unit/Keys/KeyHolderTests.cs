using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Keys;

public sealed class KeyHolderTests
{
    private static readonly TenantId Tenant = TenantId.New();

    [Fact]
    public async Task What_a_tenants_service_opens_is_wrapped_for_it()
    {
        using var key = SecretKey.Random();
        var wrapped = await new KeyHolder(new Pretender(opens: _ => key.Bytes.ToArray()), 1, IsTenant: true).WrapAsync(
            Tenant, KeyPurpose.Data, 1, key, default);
        Assert.Equal([1, 2, 3], wrapped);
    }

    [Fact]
    public async Task What_a_tenants_service_refuses_or_opens_as_another_key_is_not_left_to_it()
    {
        using var key = SecretKey.Random();
        foreach (var opens in new Func<KeyPurpose, byte[]>[]
        {
            _ => new byte[SecretKey.Length],
            // One that answers for the rows and not for the search would lock the tenant out of searching.
            purpose => purpose == KeyPurpose.Data ? key.Bytes.ToArray() : throw new KeyStoreFault(KeyStoreFaultKind.Withdrawn, "No."),
        })
        {
            await Assert.ThrowsAsync<KeyStoreFault>(() => new KeyHolder(new Pretender(opens), 1, IsTenant: true).WrapAsync(
                Tenant, KeyPurpose.Index, 1, key, default));
        }
    }

    private sealed class Pretender(Func<KeyPurpose, byte[]> opens) : IKeyStore
    {
        public string Kind => "service";

        public ValueTask<byte[]> WrapAsync(
            int root, SecretKey key, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken) =>
            ValueTask.FromResult<byte[]>([1, 2, 3]);

        public ValueTask<SecretKey> UnwrapAsync(
            int root, ReadOnlyMemory<byte> wrapped, ReadOnlyMemory<byte> associated, CancellationToken cancellationToken) =>
            ValueTask.FromResult(SecretKey.CopyOf(opens(
                associated.Span.SequenceEqual(WrappedTenantKey.Associated(Tenant, KeyPurpose.Data, 1).Span)
                    ? KeyPurpose.Data
                    : KeyPurpose.Index)));
    }
}
