using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Keys;

public sealed class TenantHeldKeyRegistrationTests
{
    private static readonly (string Certificate, string Key) Authority = Certificate(ECCurve.NamedCurves.nistP256, isAuthority: true);
    private static readonly (string Certificate, string Key) Client = Certificate(ECCurve.NamedCurves.nistP256, isAuthority: false);

    private static readonly TenantHeldKeyRegistration Good = new()
    {
        Tenant = TenantId.New(),
        Url = "https://keys.example.org:8443",
        ServerCa = Authority.Certificate,
        Keys = [new HeldKey(1, PublicKey(ECCurve.NamedCurves.nistP256))],
        ClientCertificate = Client.Certificate,
        ClientKey = Client.Key.AsMemory(),
    };

    [Theory]
    [InlineData("https://keys.example.org")]
    [InlineData("https://keys.example.org/")]
    [InlineData("https://keys.example.org:8443")]
    [InlineData("https://9.9.9.9:1")]
    [InlineData("https://[2620:fe::fe]:443")]
    public void A_whole_registration_has_no_fault(string url)
    {
        Assert.Empty((Good with { Url = url }).Validate());
        using var store = new TenantHeldKeys(Good with { Url = url }, new TenantHeldKeyOptions(), TimeProvider.System);
        Assert.Equal("service", store.Kind);
    }

    [Theory]
    [InlineData("http://keys.example.org")]
    [InlineData("ftp://keys.example.org")]
    [InlineData("//keys.example.org")]
    [InlineData("keys.example.org")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user@keys.example.org")]
    [InlineData("https://user:word@keys.example.org")]
    [InlineData("https://@keys.example.org")]
    [InlineData("https://keys.example.org/path")]
    [InlineData("https://keys.example.org/?")]
    [InlineData("https://keys.example.org/?a=b")]
    [InlineData("https://keys.example.org/#")]
    [InlineData("https://keys.example.org\\@elsewhere.example")]
    [InlineData("https://keys.example.org:0")]
    [InlineData("https://keys.example.org:65536")]
    [InlineData("https://")]
    [InlineData("")]
    public void Another_address_is_refused(string url)
    {
        var fault = Assert.Single((Good with { Url = url }).Validate());
        Assert.Equal("Url", fault.Member);
        Assert.StartsWith("Url is https://host[:port]", fault.Detail, StringComparison.Ordinal);
        var thrown = Assert.Throws<KeyStoreFault>(() =>
            new TenantHeldKeys(Good with { Url = url }, new TenantHeldKeyOptions(), TimeProvider.System));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, thrown.Kind);
    }

    [Fact]
    public void An_address_that_is_too_long_is_refused() =>
        Assert.Single((Good with { Url = "https://" + string.Join('.', Enumerable.Repeat("aaaaaaaa", 60)) }).Validate());

    [Fact]
    public void Who_pastes_a_private_key_is_told_to_make_a_new_one()
    {
        Assert.Contains("ServerCa holds a private key", Faults(Good with { ServerCa = Authority.Certificate + "\n" + Authority.Key }));
        using var key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains("must never leave its service", Faults(Good with { Keys = [new HeldKey(1, key.ExportPkcs8PrivateKeyPem())] }));
        Assert.Contains("must never leave its service", Faults(Good with
        {
            Keys = [new HeldKey(1, key.ExportSubjectPublicKeyInfoPem() + "\n" + key.ExportECPrivateKeyPem())],
        }));
    }

    [Fact]
    public void An_authority_is_self_signed_and_says_that_it_is_one()
    {
        Assert.Contains("ServerCa is 1 to 4", Faults(Good with { ServerCa = Client.Certificate }));
        Assert.Contains("ServerCa is 1 to 4", Faults(Good with { ServerCa = Times(5) }));
        Assert.Empty((Good with { ServerCa = Times(4) }).Validate());
        Assert.Contains("ServerCa is certificates", Faults(Good with { ServerCa = "no PEM" }));
        Assert.Contains("ServerCa is certificates", Faults(Good with { ServerCa = Authority.Certificate + new string('\n', 40_000) }));
        Assert.Contains("ServerCa is certificates", Faults(Good with
        {
            ServerCa = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        }));

        static string Times(int count) => string.Join('\n', Enumerable.Repeat(Authority.Certificate, count));
    }

    [Fact]
    public void A_key_is_a_public_key_on_the_curve_under_a_root_of_its_own()
    {
        var key = Good.Keys[0].PublicKey;
        var other = new HeldKey(1, PublicKey(ECCurve.NamedCurves.nistP384));
        Assert.Contains("is not a 'PUBLIC KEY' on P-256", Faults(Good with { Keys = [other] }));
        Assert.Contains("is not a 'PUBLIC KEY' on P-256", Faults(Good with { Keys = [new HeldKey(1, Client.Certificate)] }));
        Assert.Contains("is not PEM", Faults(Good with { Keys = [new HeldKey(1, "")] }));
        Assert.Contains("is not PEM", Faults(Good with { Keys = [new HeldKey(1, key + new string('\n', 9_000))] }));
        Assert.Contains("a root of its own", Faults(Good with { Keys = [new HeldKey(1, key), new HeldKey(1, key)] }));
        Assert.Contains("a root of its own", Faults(Good with { Keys = [new HeldKey(0, key)] }));
        Assert.Contains("Keys are 1 to 100", Faults(Good with { Keys = [] }));
        Assert.Contains("Keys are 1 to 100", Faults(Good with { Keys = default }));
        Assert.Contains("Keys are 1 to 100", Faults(Good with { Keys = [.. Enumerable.Range(1, 101).Select(r => new HeldKey(r, key))] }));
    }

    [Fact]
    public void The_clients_key_is_that_of_its_certificate()
    {
        Assert.Contains("ClientKey is not", Faults(Good with { ClientKey = Authority.Key.AsMemory() }));
        Assert.Contains("ClientKey is not", Faults(Good with { ClientKey = default }));
        Assert.Contains("ClientCertificate is certificates", Faults(Good with { ClientCertificate = "" }));
        Assert.Empty((Good with { ClientCertificate = Client.Certificate + "\n" + Authority.Certificate }).Validate());
    }

    [Fact]
    public void Every_fault_is_told_at_once() => Assert.Equal(4, new TenantHeldKeyRegistration
    {
        Tenant = TenantId.New(),
        Url = "",
        ServerCa = "",
        Keys = [],
        ClientCertificate = "",
        ClientKey = default,
    }.Validate().Count);

    [Fact]
    public void Its_text_names_no_key() => Assert.Equal("(keys held at https://keys.example.org:8443)", Good.ToString());

    [Theory]
    [InlineData(99, 8, false)]
    [InlineData(100, 1, true)]
    [InlineData(10_000, 64, true)]
    [InlineData(10_001, 8, false)]
    [InlineData(2_000, 0, false)]
    [InlineData(2_000, 65, false)]
    public void Limits_of_the_operator_are_finite(int milliseconds, int calls, bool holds)
    {
        var options = new TenantHeldKeyOptions { Timeout = TimeSpan.FromMilliseconds(milliseconds), MaxCalls = calls };
        Assert.Equal(holds, options.Validate().Count == 0);
        if (!holds)
        {
            Assert.Throws<KeyStoreFault>(() => new TenantHeldKeys(Good, options, TimeProvider.System));
        }
    }

    [Fact]
    public void The_id_of_a_key_is_the_digest_of_its_canonical_form()
    {
        using var key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var read = RecipientKey.TryRead(key.ExportSubjectPublicKeyInfoPem(), out var fault);
        Assert.Null(fault);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo())), read!.Id);
    }

    [Theory]
    [InlineData("Data", "data")]
    [InlineData("Index", "index")]
    public void A_tenant_key_has_that_context_under_every_store(string purpose, string word) => Assert.Equal(
        HeldKeyContext.Of(Good.Tenant, word, 3).Bytes,
        WrappedTenantKey.Associated(Good.Tenant, Enum.Parse<KeyPurpose>(purpose), 3).Span);

    [Fact]
    public void A_context_is_of_its_tenant_and_whole()
    {
        var context = HeldKeyContext.Of(Good.Tenant, "rows", 7).Bytes.ToArray();
        Assert.True(HeldKeyContext.IsOf(Good.Tenant, context));
        Assert.False(HeldKeyContext.IsOf(TenantId.New(), context));
        Assert.False(HeldKeyContext.IsOf(Good.Tenant, [.. context, 0]));
        for (var length = 0; length < context.Length; length++)
        {
            Assert.False(HeldKeyContext.IsOf(Good.Tenant, context.AsSpan(0, length)));
        }

        Assert.False(HeldKeyContext.IsOf(Good.Tenant, new KeyContext("tenant key").Add(Good.Tenant.Value).Add("rows").Add(0).Bytes));
        Assert.False(HeldKeyContext.IsOf(Good.Tenant, new KeyContext("tenant key").Add(Good.Tenant.Value).Add("").Add(1).Bytes));
        Assert.False(HeldKeyContext.IsOf(Good.Tenant, new KeyContext("other").Add(Good.Tenant.Value).Add("rows").Add(1).Bytes));
        Assert.Throws<ArgumentException>(() => HeldKeyContext.Of(Good.Tenant, new string('a', 129), 1));
        Assert.Throws<ArgumentException>(() => HeldKeyContext.Of(Good.Tenant, "", 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => HeldKeyContext.Of(Good.Tenant, "rows", 0));
    }

    private static string Faults(TenantHeldKeyRegistration registration) => string.Join('\n', registration.Validate().Select(f => f.Detail));

    private static string PublicKey(ECCurve curve)
    {
        using var key = ECDiffieHellman.Create(curve);
        return key.ExportSubjectPublicKeyInfoPem();
    }

    private static (string Certificate, string Key) Certificate(ECCurve curve, bool isAuthority)
    {
        using var key = ECDsa.Create(curve);
        var request = new CertificateRequest("CN=of a test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
