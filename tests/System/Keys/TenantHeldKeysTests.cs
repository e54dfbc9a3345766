using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A tenant's own key service: the sample, as a process, over real TLS.</summary>
public sealed class TenantHeldKeysTests(KeyServiceProcess service) : IClassFixture<KeyServiceProcess>
{
    private readonly ReadOnlyMemory<byte> _context = HeldKeyContext.Of(service.Tenant, "rows", 3).Memory;

    [Fact]
    public async Task A_wrapped_key_comes_back_and_the_owner_sees_who_asked_for_what()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var before = service.Lines;
        var wrapped = await store.WrapAsync(1, key, _context, default);
        Assert.Equal(before, service.Lines);

        using var back = await store.UnwrapAsync(1, wrapped, _context, default);
        Assert.Equal(key.Bytes, back.Bytes);

        var line = service.Log()[^1];
        Assert.Equal("unwrapped", line.GetProperty("outcome").GetString());
        Assert.Equal(service.KeyId, line.GetProperty("key").GetString());
        Assert.Equal(service.Tenant.Value, line.GetProperty("tenant").GetGuid());
        Assert.Equal("rows", line.GetProperty("purpose").GetString());
        Assert.Equal(3, line.GetProperty("version").GetInt32());
        Assert.Equal(7, line.GetProperty("requestId").GetGuid().Version);
        Assert.True(line.GetProperty("time").GetDateTimeOffset() > DateTimeOffset.UnixEpoch);
        Assert.DoesNotContain(Convert.ToBase64String(key.Bytes)[..40], service.Read("unwraps.log"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_wraps_of_one_key_share_nothing()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var one = await store.WrapAsync(1, key, _context, default);
        var two = await store.WrapAsync(1, key, _context, default);
        Assert.Equal(RecipientKey.SealedLength, one.Length);
        Assert.NotEqual(one[2..66], two[2..66]);
        Assert.NotEqual(one[66..90], two[66..90]);
        Assert.NotEqual(one[90..], two[90..]);
    }

    [Fact]
    public async Task Every_changed_byte_of_the_wrapped_key_is_noticed()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, _context, default);
        for (var i = 0; i < wrapped.Length; i++)
        {
            var changed = wrapped.ToArray();
            changed[i] ^= 0x10;
            await FaultAsync(store, KeyStoreFaultKind.NotGenuine, changed, _context);
        }

        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, wrapped[..^1], _context);
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, [.. wrapped, 0], _context);
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, [], _context);
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, new byte[TenantHeldKeys.LongestWrapped + 1], _context);
    }

    [Fact]
    public async Task A_wrapped_key_opens_for_nothing_else_than_it_was_bound_to()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, _context, default);
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, wrapped, HeldKeyContext.Of(service.Tenant, "rows", 4).Memory);
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, wrapped, HeldKeyContext.Of(service.Tenant, "index", 3).Memory);
    }

    [Fact]
    public async Task The_platform_does_not_mix_up_tenants_and_the_service_would_refuse_it()
    {
        var other = TenantId.New();
        var context = HeldKeyContext.Of(other, "rows", 3).Memory;
        using var key = SecretKey.Random();
        using var store = service.Store();
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.WrapAsync(1, key, context, default));
        var wrapped = await store.WrapAsync(1, key, _context, default);
        var asked = service.Lines;
        await FaultAsync(store, KeyStoreFaultKind.NotGenuine, wrapped, context);
        Assert.Equal(asked, service.Lines);

        // Another tenant that registers this service as its own.
        using var mistaken = service.Store(service.Registration() with { Tenant = other });
        var foreign = await mistaken.WrapAsync(1, key, context, default);
        var fault = await FaultAsync(mistaken, KeyStoreFaultKind.Misconfigured, foreign, context);
        Assert.Contains("403 other-tenant", fault.Message, StringComparison.Ordinal);
        Assert.Equal("other-tenant", service.Log()[^1].GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task A_service_without_that_key_says_so()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        await Assert.ThrowsAsync<KeyStoreFault>(async () => await store.WrapAsync(2, key, _context, default));
        await FaultAsync(store, KeyStoreFaultKind.NoSuchRoot, new byte[RecipientKey.SealedLength], _context, root: 2);

        var made = await KeyServiceProcess.CommandAsync("new-key", "--folder", service.Folder);
        var id = made.Out.Split('\n')[0]["key ".Length..];
        using var rotated = service.Store(service.Registration() with
        {
            Keys = [.. service.Registration().Keys, new HeldKey(2, service.Read($"keys/{id}.pub.pem"))],
        });
        var wrapped = await rotated.WrapAsync(2, key, _context, default);
        using (var back = await rotated.UnwrapAsync(2, wrapped, _context, default))
        {
            Assert.Equal(key.Bytes, back.Bytes);
        }

        await FaultAsync(rotated, KeyStoreFaultKind.NotGenuine, wrapped, _context, root: 1);
        File.Delete(Path.Combine(service.Folder, "keys", id + ".pem"));
        await FaultAsync(rotated, KeyStoreFaultKind.NoSuchRoot, wrapped, _context, root: 2);
    }

    [Fact]
    public async Task The_owner_withdraws_and_grants_while_it_runs()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, _context, default);
        await service.OrderAsync("withdraw");
        try
        {
            await FaultAsync(store, KeyStoreFaultKind.Withdrawn, wrapped, _context);
            Assert.Equal("withdrawn", service.Log()[^1].GetProperty("outcome").GetString());
        }
        finally
        {
            await service.OrderAsync("grant");
        }

        using var back = await store.UnwrapAsync(1, wrapped, _context, default);
        Assert.Equal(key.Bytes, back.Bytes);
    }

    [Fact]
    public async Task A_client_that_the_owner_did_not_certify_gets_no_answer()
    {
        using var stranger = TestAuthority.Create();
        var lines = service.Lines;
        foreach (var pem in new[]
        {
            stranger.Issue("platform", TestAuthority.ClientAuthentication),
            // The service's own certificate is issued by the right authority, and not for clients.
            service.Read("server.pem"),
        })
        {
            using var store = service.Store(service.Registration() with
            {
                ClientCertificate = X509Certificate2.CreateFromPem(pem).ExportCertificatePem(),
                ClientKey = pem.AsMemory(),
            });
            using var key = SecretKey.Random();
            var wrapped = await store.WrapAsync(1, key, _context, default);
            var fault = await FaultAsync(store, KeyStoreFaultKind.Misconfigured, wrapped, _context);
            Assert.Contains("it refuses our client certificate", fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal(lines, service.Lines);
    }

    [Fact]
    public async Task A_client_without_any_certificate_gets_no_answer()
    {
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null;
        using var client = new HttpClient(handler);
        var lines = service.Lines;
        await Assert.ThrowsAsync<HttpRequestException>(() => client.PostAsync($"{service.Url}/v1/unwrap", new StringContent("{}")));
        Assert.Equal(lines, service.Lines);
    }

    [Fact]
    public async Task A_service_that_is_gone_is_unavailable_at_once_and_works_again_when_it_is_back()
    {
        await using var own = new Own();
        await own.Service.InitializeAsync();
        using var store = own.Service.Store();
        using var key = SecretKey.Random();
        var context = HeldKeyContext.Of(own.Service.Tenant, "rows", 1).Memory;
        var wrapped = await store.WrapAsync(1, key, context, default);
        (await store.UnwrapAsync(1, wrapped, context, default)).Dispose();
        await own.Service.KillAsync();
        var watch = Stopwatch.StartNew();
        await FaultAsync(store, KeyStoreFaultKind.Unavailable, wrapped, context);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(9), "refused connections wait for no timeout");

        await own.Service.StartAsync();
        using var again = own.Service.Store();
        using var back = await again.UnwrapAsync(1, wrapped, context, default);
        Assert.Equal(key.Bytes, back.Bytes);
    }

    [Fact]
    public async Task An_unwrap_that_cannot_be_logged_is_not_given()
    {
        await using var own = new Own();
        await own.Service.InitializeAsync();
        using var store = own.Service.Store();
        using var key = SecretKey.Random();
        var context = HeldKeyContext.Of(own.Service.Tenant, "rows", 1).Memory;
        var wrapped = await store.WrapAsync(1, key, context, default);
        Directory.CreateDirectory(Path.Combine(own.Service.Folder, "unwraps.log"));
        await FaultAsync(store, KeyStoreFaultKind.Unavailable, wrapped, context);
    }

    [Fact]
    public async Task Renewed_certificates_work_under_the_same_authority()
    {
        await using var own = new Own();
        await own.Service.InitializeAsync();
        var before = own.Service.Registration();
        await own.Service.KillAsync();
        await own.Service.OrderAsync("renew");
        await own.Service.StartAsync();
        Assert.NotEqual(before.ClientCertificate, own.Service.Registration().ClientCertificate);
        using var store = own.Service.Store();
        using var key = SecretKey.Random();
        var context = HeldKeyContext.Of(own.Service.Tenant, "rows", 1).Memory;
        var wrapped = await store.WrapAsync(1, key, context, default);
        using var back = await store.UnwrapAsync(1, wrapped, context, default);
        Assert.Equal(key.Bytes, back.Bytes);
    }

    [Fact]
    public async Task Many_unwraps_at_once_take_turns()
    {
        using var store = service.Store();
        using var key = SecretKey.Random();
        var wrapped = await store.WrapAsync(1, key, _context, default);
        var all = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => store.UnwrapAsync(1, wrapped, _context, default).AsTask()));
        Assert.All(all, k => Assert.Equal(key.Bytes, k.Bytes));
    }

    [Fact]
    public async Task A_folder_in_use_is_not_made_anew_and_nobody_else_reads_it()
    {
        var again = await KeyServiceProcess.CommandAsync("init", "--folder", service.Folder, "--tenant", service.Tenant.ToString());
        Assert.Equal(2, again.Code);
        Assert.All(
            Directory.EnumerateFiles(service.Folder, "*.pem", SearchOption.AllDirectories),
            f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    internal static async Task<KeyStoreFault> FaultAsync(
        TenantHeldKeys store, KeyStoreFaultKind kind, byte[] wrapped, ReadOnlyMemory<byte> context, int root = 1)
    {
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(async () => await store.UnwrapAsync(root, wrapped, context, default));
        Assert.True(fault.Kind == kind, $"{kind} was expected: {fault}");
        return fault;
    }

    private sealed class Own : IAsyncDisposable
    {
        public KeyServiceProcess Service { get; } = new();

        public async ValueTask DisposeAsync() => await Service.DisposeAsync();
    }
}
