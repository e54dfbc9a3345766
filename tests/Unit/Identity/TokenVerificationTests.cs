using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bulkhead.Tests.Unit.Identity;

/// <summary>Numbers name the attacks of the list of what an authorization server must refuse.</summary>
public sealed class TokenVerificationTests
{
    private readonly Clock _clock = new();
    private readonly TestIssuer _tenant = new("northside");
    private readonly Caller _caller;

    public TokenVerificationTests() => _caller = new(_clock);

    [Fact]
    public async Task Accept_a_token_of_the_tenant_with_its_roles()
    {
        var call = await _caller.CallAsync(_tenant.Resolved, _tenant.Token(_clock.Now, ["admin", "auditor"]));

        Assert.NotNull(call);
        Assert.Equal("client-1", call.Context.Actor.Id);
        Assert.Equal(["admin", "auditor"], call.Context.Actor.Roles.ToArray());
        Assert.Equal(_tenant.Entry.Id, call.Context.Tenant);
        Assert.Equal("request-1", call.Context.RequestId);
        Assert.Equal("clinic@1", call.Context.App);
    }

    [Fact]
    public Task Reject_a_token_without_signature_45() =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h["alg"] = "none", sign: _ => []));

    [Theory]
    [InlineData("None")]
    [InlineData("ES384")]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("es256")]
    public Task Reject_another_algorithm_in_the_header_45(string algorithm) =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h["alg"] = algorithm));

    [Fact]
    public async Task Reject_HS256_signed_with_the_public_key_46()
    {
        byte[][] secrets =
        [
            Encoding.UTF8.GetBytes(_tenant.Jwk),
            _tenant.Key.ExportSubjectPublicKeyInfo(),
            Encoding.UTF8.GetBytes(_tenant.Key.ExportSubjectPublicKeyInfoPem()),
        ];
        foreach (var secret in secrets)
        {
            await RejectsAsync(_tenant.Changed(
                _clock.Now, header: h => h["alg"] = "HS256", sign: data => HMACSHA256.HashData(secret, data)));
        }
    }

    [Theory]
    [InlineData("a.b.c")]
    [InlineData("aa.b.c")]
    [InlineData("aaa.b.c")]
    [InlineData("A.A.A")]
    [InlineData("=.=.=")]
    [InlineData("e30.e30.e30")]
    [InlineData("..")]
    public Task Reject_what_is_no_token(string token) => RejectsAsync(token);

    [Theory]
    [InlineData("")]
    [InlineData("../../../../dev/null")]
    [InlineData("x' or '1'='1")]
    [InlineData("https://attacker.example/jwks")]
    [InlineData("NORTHSIDE-1")]
    [InlineData("northside-1 ")]
    public Task Reject_a_key_id_that_is_not_one_of_the_tenants_47(string kid) =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h["kid"] = kid));

    [Fact]
    public Task Reject_a_token_without_key_id_47() =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h.Remove("kid")));

    [Theory]
    [InlineData("jku")]
    [InlineData("x5u")]
    [InlineData("jwk")]
    [InlineData("x5c")]
    [InlineData("crit")]
    [InlineData("zip")]
    [InlineData("cty")]
    public Task Reject_a_header_that_brings_more_than_ours_even_when_well_signed_48(string member) =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h[member] = "https://attacker.example/"));

    [Fact]
    public async Task Reject_a_token_that_is_signed_with_the_key_it_brings_48()
    {
        var attacker = new TestIssuer("northside");
        await RejectsAsync(_tenant.Changed(
            _clock.Now,
            header: h => h["jwk"] = JsonNode.Parse(attacker.Jwk),
            sign: data => attacker.Key.SignData(data, HashAlgorithmName.SHA256)));
        await RejectsAsync(_tenant.Changed(
            _clock.Now, sign: data => attacker.Key.SignData(data, HashAlgorithmName.SHA256)));
    }

    [Fact]
    public async Task Reject_a_token_signed_with_a_retired_key_49_also_when_it_was_verified_before()
    {
        var token = _tenant.Token(_clock.Now);
        Assert.NotNull(await _caller.CallAsync(_tenant.Resolved, token));

        var next = new TestIssuer("northside");
        var rotated = _tenant.EntryWith([next.Public with { Kid = "northside-2" }]);
        Assert.Null(await _caller.CallAsync(new(rotated), token));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
    }

    [Fact]
    public async Task Accept_both_keys_while_one_follows_the_other()
    {
        var next = new TestIssuer("northside");
        var both = new Kernel.Tenancy.ResolvedTenant(
            _tenant.EntryWith([new("northside-2", next.Jwk), _tenant.Public]));

        Assert.NotNull(await _caller.CallAsync(both, _tenant.Token(_clock.Now)));
        Assert.NotNull(await _caller.CallAsync(both, _tenant.Changed(
            _clock.Now,
            header: h => h["kid"] = "northside-2",
            sign: data => next.Key.SignData(data, HashAlgorithmName.SHA256))));
    }

    [Theory]
    [InlineData("use", "enc")]
    [InlineData("alg", "ES384")]
    [InlineData("alg", "ECDH-ES")]
    [InlineData("crv", "P-384")]
    [InlineData("key_ops", "encrypt")]
    public async Task Reject_a_token_of_a_key_that_is_for_something_else(string member, string value)
    {
        var jwk = JsonNode.Parse(_tenant.Jwk)!.AsObject();
        jwk[member] = member == "key_ops" ? new JsonArray(value) : value;
        var token = _tenant.Token(_clock.Now);
        Assert.Null(await _caller.CallAsync(new(_tenant.EntryWith([new(_tenant.Kid, jwk.ToJsonString())])), token));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
    }

    [Theory]
    [InlineData("JWT")]
    [InlineData("logout+jwt")]
    [InlineData("AT+JWT")]
    [InlineData("")]
    public Task Reject_a_token_of_another_type_50_55(string type) =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h["typ"] = type));

    [Fact]
    public Task Reject_a_token_without_type_50() =>
        RejectsAsync(_tenant.Changed(_clock.Now, header: h => h.Remove("typ")));

    [Fact]
    public async Task Reject_a_header_that_says_something_twice()
    {
        var claims = TestIssuer.Read(_tenant.Token(_clock.Now).Split('.')[1]).ToJsonString();
        var header = $$"""{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"{{_tenant.Kid}}"}""";
        await RejectsAsync(_tenant.Signed(header, claims));
    }

    [Theory]
    [InlineData("https://bulkhead.test/t/northside")]
    [InlineData("https://bulkhead.test/t/northside/api/v2")]
    [InlineData("https://bulkhead.test/t/riverside/api/v1")]
    [InlineData("https://bulkhead.test/operator")]
    public Task Reject_another_audience_52(string audience) =>
        RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c["aud"] = audience));

    [Theory]
    [InlineData("aud")]
    [InlineData("iss")]
    [InlineData("exp")]
    [InlineData("iat")]
    [InlineData("sub")]
    [InlineData("client_id")]
    public Task Reject_a_token_that_lacks_a_claim(string claim) =>
        RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c.Remove(claim)));

    [Theory]
    [InlineData("https://bulkhead.test/t/northside/")]
    [InlineData("https://bulkhead.test/t/riverside")]
    [InlineData("https://attacker.example/t/northside")]
    public Task Reject_another_issuer(string issuer) =>
        RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c["iss"] = issuer));

    [Fact]
    public Task Reject_a_token_whose_subject_is_not_its_client() =>
        RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c["sub"] = "somebody-else"));

    [Fact]
    public Task Reject_a_token_longer_than_8_KiB_54() =>
        RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c["filler"] = new string('x', 8 * 1024)));

    [Fact]
    public async Task Reject_a_token_that_was_tampered_with()
    {
        var parts = _tenant.Token(_clock.Now, ["clinician"]).Split('.');
        var stronger = _tenant.Token(_clock.Now, ["admin"]).Split('.');
        await RejectsAsync(string.Join('.', parts[0], stronger[1], parts[2]));
        await RejectsAsync(string.Join('.', parts[0], parts[1], ""));
        await RejectsAsync(string.Join('.', parts[0], parts[1]));
        await RejectsAsync(string.Join('.', parts[0], parts[1], parts[2], "x"));
        await RejectsAsync(string.Join('.', parts[0], parts[1], parts[2] + "="));
        await RejectsAsync(string.Join('.', parts[0], parts[1], new string('A', 86)));
        await RejectsAsync("not-a-token");
        await RejectsAsync("..");
        await RejectsAsync("");
    }

    [Fact]
    public async Task Reject_a_token_after_its_end_and_the_allowed_difference_of_clocks()
    {
        var token = _tenant.Token(_clock.Now);
        _clock.Now += TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(29);
        Assert.NotNull(await _caller.CallAsync(_tenant.Resolved, token));

        _clock.Now += TimeSpan.FromSeconds(1);
        await RejectsAsync(token);
    }

    [Fact]
    public async Task Reject_a_token_from_the_future()
    {
        await RejectsAsync(_tenant.Token(_clock.Now + TimeSpan.FromSeconds(31)));
        Assert.NotNull(await _caller.CallAsync(_tenant.Resolved, _tenant.Token(_clock.Now + TimeSpan.FromSeconds(30))));
        var later = (_clock.Now + TimeSpan.FromSeconds(31)).ToUnixTimeSeconds();
        await RejectsAsync(_tenant.Changed(_clock.Now, claims: c => c["nbf"] = later));
    }

    private async Task RejectsAsync(string token)
    {
        var before = _caller.Verifications;
        Assert.Null(await _caller.CallAsync(_tenant.Resolved, token));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
        Assert.Equal("Bearer error=\"invalid_token\"", _caller.Challenge);
        var problem = _caller.Problem();
        Assert.Equal("invalid-token", (string?)problem["code"]);
        Assert.Equal(before, _caller.Verifications);
    }
}
