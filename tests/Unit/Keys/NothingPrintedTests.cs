using System.Text;
using System.Text.Json;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>Keys and passwords do not slip into a log, a dump of settings or the text of an exception.</summary>
public sealed class NothingPrintedTests : IDisposable
{
    private readonly byte[] _bytes = "sixteen letters sixteen letters!"u8.ToArray();
    private readonly SecretKey _key;

    public NothingPrintedTests() => _key = SecretKey.CopyOf(_bytes);

    public void Dispose() => _key.Dispose();

    [Fact]
    public void A_key_prints_nothing_of_itself()
    {
        Silent($"{_key}");
        Silent(JsonOf(_key));
        Silent(JsonOf(new { Key = _key }));
        Silent($"{(1, _key)} {new KeyValuePair<int, SecretKey>(1, _key)}");
        Silent(string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{new Holder(_key)}"));
    }

    [Fact]
    public void A_disposed_key_is_zero()
    {
        var key = SecretKey.CopyOf(_bytes);
        key.Dispose();
        Assert.All(key.Bytes.ToArray(), b => Assert.Equal(0, b));
    }

    [Fact]
    public async Task Faults_of_a_key_store_name_no_key()
    {
        var folder = Directory.CreateTempSubdirectory("bh-silent-");
        try
        {
            var path = Path.Combine(folder.FullName, "root-1.key");
            await File.WriteAllBytesAsync(path, [.. "BHROOT1"u8, 0, .. _bytes]);
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            using var store = new FileKeyStore(folder.FullName);
            using var other = SecretKey.Random();
            Silent((await Assert.ThrowsAsync<KeyStoreFault>(async () =>
                await store.UnwrapAsync(1, new byte[77], default, default))).ToString());
            using var opened = await store.UnwrapAsync(1, await store.WrapAsync(1, _key, default, default), default, default);
            Silent(Assert.Throws<KeyStoreFault>(() => CommittedKey.Check(SecretKey.CopyOf(_key.Bytes), other.Commitment())).ToString());
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.OtherRead);
            using var again = new FileKeyStore(folder.FullName, "sixteen letters sixteen letters!"u8.ToArray());
            Silent((await Assert.ThrowsAsync<KeyStoreFault>(async () => await again.WrapAsync(1, _key, default, default))).ToString());
            Silent($"{again} {JsonOf(again)}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_data_key_that_does_not_open_is_told_without_its_bytes()
    {
        var tenant = TenantId.New();
        var wrapped = new WrappedDataKey(
            1, 1, WrappedDataKey.Wrap(_key, tenant, 1, 1, _key), SecretKey.Random().Commitment(), DateTimeOffset.UnixEpoch);
        Silent(Assert.Throws<KeyStoreFault>(() => wrapped.Unwrap(_key, tenant)).ToString());
        Silent($"{wrapped}");
        using var record = new Xaes(_key.Bytes);
        Silent($"{record} {JsonOf(record)}");
        Silent(new TenantFault(TenantFaultKind.KeysUnavailable, new KeyStoreFault(KeyStoreFaultKind.NotGenuine, "of epoch 1")).ToString());
    }

    [Fact]
    public void Settings_print_no_password()
    {
        var options = new KernelOptions
        {
            AppConnection = "Host=x;Database=y;Password=sixteen letters sixteen letters!",
            DeployConnection = "Host=x;Password=sixteen letters sixteen letters!",
            KeyDirectory = "keys",
            OperatorClientId = "operator",
            OperatorSecretDigest = _bytes,
        };
        Silent($"{options}");
        Silent($"{options with { MaxBackends = 3 }}");
    }

    private static string JsonOf(object value)
    {
        try
        {
            return JsonSerializer.Serialize(value, value.GetType());
        }
        catch (Exception refused) when (refused is InvalidOperationException or NotSupportedException)
        {
            return refused.ToString();
        }
    }

    private void Silent(string text)
    {
        foreach (var form in new[]
        {
            Encoding.ASCII.GetString(_bytes), Convert.ToBase64String(_bytes)[..20], Convert.ToHexString(_bytes)[..20],
            Convert.ToHexString(_bytes)[..20].ToLowerInvariant(), string.Join(',', _bytes.Take(8)), string.Join('-', _bytes.Take(8)),
        })
        {
            Assert.DoesNotContain(form, text, StringComparison.Ordinal);
        }
    }

    private sealed record Holder(SecretKey Key);
}
