using System.Buffers.Text;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;

namespace Bulkhead.Tests.Unit.Identity;

/// <summary>A tenant with a key pair of its own, which signs whatever a test wants to try.</summary>
internal sealed class TestIssuer
{
    public static readonly IdentityOptions Options = new() { PublicUrl = "https://bulkhead.test" };

    public TestIssuer(string slug, params string[] hosts)
    {
        var parameters = Key.ExportParameters(includePrivateParameters: false);
        Kid = slug + "-1";
        Jwk = JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = Base64Url.EncodeToString(parameters.Q.X),
            ["y"] = Base64Url.EncodeToString(parameters.Q.Y),
            ["kid"] = Kid,
            ["use"] = "sig",
            ["alg"] = "ES256",
        });
        Public = new(Kid, Jwk);
        Entry = EntryWith([Public], hosts);
    }

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Kid { get; }

    public string Jwk { get; }

    public PublicKey Public { get; }

    public TenantEntry Entry { get; }

    public ResolvedTenant Resolved => new(Entry);

    public Issuer Issuer => Issuer.Of(Resolved, Options);

    public static AppModel App { get; } = new()
    {
        Name = "clinic",
        Version = 1,
        Title = "Clinic",
        Entities = [],
        ByPlural = FrozenDictionary<string, EntityModel>.Empty,
        ByName = FrozenDictionary<string, EntityModel>.Empty,
        Roles = FrozenDictionary<string, RoleModel>.Empty,
        AuditedReads = FrozenSet<DataClass>.Empty,
        Commits = [],
        Manifest = "",
    };

    public static TenantEntry EntryOf(string slug, ImmutableArray<PublicKey> keys, params string[] hosts)
    {
        var id = TenantId.New();
        var unit = new Kernel.Tenancy.Unit("u1", IsolationKind.Shared, Guid.CreateVersion7(), "db");
        return new(id, slug, slug, TenantStatus.Active, "clinic", 1, new(id, unit, 1), [.. hosts], keys);
    }

    public TenantEntry EntryWith(ImmutableArray<PublicKey> keys, params string[] hosts) =>
        Entry is null ? EntryOf(Kid[..^2], keys, hosts) : Entry with { SigningKeys = keys };

    public string Token(DateTimeOffset now, string[]? roles = null, Issuer? issuer = null) =>
        new AccessToken(issuer ?? Issuer, "client-1", [.. roles ?? ["clinician"]], null, Guid.CreateVersion7(), now)
            .Write(Kid, SignEs256);

    public string OperatorToken(DateTimeOffset now, string? scope) =>
        new AccessToken(Issuer.OfOperator(Options), "operator-1", [], scope, Guid.CreateVersion7(), now)
            .Write(Kid, SignEs256);

    /// <summary>A valid token of this issuer after a change of header or claims, signed with its real key.</summary>
    public string Changed(
        DateTimeOffset now, Action<JsonObject>? header = null, Action<JsonObject>? claims = null, Func<byte[], byte[]>? sign = null)
    {
        var parts = Token(now).Split('.');
        var (head, body) = (Read(parts[0]), Read(parts[1]));
        header?.Invoke(head);
        claims?.Invoke(body);
        return Signed(head.ToJsonString(), body.ToJsonString(), sign);
    }

    public string Signed(string header, string claims, Func<byte[], byte[]>? sign = null)
    {
        var text = Encode(header) + "." + Encode(claims);
        var data = Encoding.ASCII.GetBytes(text);
        return text + "." + Base64Url.EncodeToString(sign is null ? SignEs256(data) : sign(data));
    }

    public static JsonObject Read(string part) =>
        JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private byte[] SignEs256(ReadOnlySpan<byte> data) => Key.SignData(data, HashAlgorithmName.SHA256);
}
