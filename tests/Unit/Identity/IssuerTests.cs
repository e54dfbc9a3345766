using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Tests.Unit.Identity;

public sealed class IssuerTests
{
    private readonly Clock _clock = new();
    private readonly TestIssuer _tenant = new("northside");

    [Fact]
    public void A_token_says_exactly_what_the_profile_asks_for()
    {
        var parts = _tenant.Token(_clock.Now, ["clinician"]).Split('.');
        Assert.Equal(
            $$"""{"typ":"at+jwt","alg":"ES256","kid":"northside-1"}""", TestIssuer.Read(parts[0]).ToJsonString(Plain));
        var claims = TestIssuer.Read(parts[1]);
        Assert.True(Guid.TryParse((string?)claims["jti"], out _));
        claims.Remove("jti");
        var issued = _clock.Now.ToUnixTimeSeconds();
        Assert.Equal(
            $$"""
            {"iss":"https://bulkhead.test/t/northside","sub":"client-1","aud":"https://bulkhead.test/t/northside/api/v1","exp":{{issued + 600}},"iat":{{issued}},"client_id":"client-1","acr":"secret","roles":["clinician"]}
            """,
            claims.ToJsonString(Plain));
        Assert.Equal(64, System.Buffers.Text.Base64Url.DecodeFromChars(parts[2]).Length);
    }

    [Fact]
    public void A_name_of_a_role_cannot_break_out_of_its_claim()
    {
        const string Role = "a\"],\"roles\":[\"admin";
        var claims = TestIssuer.Read(_tenant.Token(_clock.Now, [Role]).Split('.')[1]);
        Assert.Equal(Role, (string?)claims["roles"]![0]);
    }

    [Fact]
    public void The_issuer_is_the_url_by_which_the_tenant_was_reached()
    {
        Assert.Equal("https://bulkhead.test/t/northside", _tenant.Issuer.Url);
        Assert.Equal(
            "https://care.example",
            Issuer.Of(new(_tenant.Entry, "care.example"), TestIssuer.Options).Url);
        var slash = TestIssuer.Options with { PublicUrl = "https://bulkhead.test/" };
        Assert.Equal("https://bulkhead.test/operator", Issuer.OfOperator(slash).Url);
    }

    [Fact]
    public void The_metadata_names_only_what_is_served()
    {
        var metadata = Json(json => IssuerMetadata.WriteMetadata(json, _tenant.Issuer));
        Assert.Equal("https://bulkhead.test/t/northside", (string?)metadata["issuer"]);
        Assert.Equal("https://bulkhead.test/t/northside/oauth/token", (string?)metadata["token_endpoint"]);
        Assert.Equal("https://bulkhead.test/t/northside/oauth/jwks", (string?)metadata["jwks_uri"]);
        Assert.Equal("""["client_credentials"]""", metadata["grant_types_supported"]!.ToJsonString());
        Assert.Empty(metadata["response_types_supported"]!.AsArray());
    }

    [Fact]
    public void The_key_set_holds_every_public_key_and_no_private_one()
    {
        var next = new TestIssuer("northside");
        var keys = Json(json => IssuerMetadata.WriteKeys(json, [_tenant.Public, next.Public]))["keys"]!.AsArray();
        Assert.Equal(2, keys.Count);
        Assert.All(keys, key => Assert.Null(key!["d"]));
    }

    [Theory]
    [InlineData("https://bulkhead.test", true)]
    [InlineData("http://localhost:8080/", true)]
    [InlineData("https://bulkhead.test/base", false)]
    [InlineData("https://bulkhead.test/?a=b", false)]
    [InlineData("https://user@bulkhead.test", false)]
    [InlineData("ftp://bulkhead.test", false)]
    [InlineData("bulkhead.test", false)]
    public void The_public_url_is_a_scheme_and_a_host(string url, bool valid) =>
        Assert.Equal(valid, !new IdentityOptions { PublicUrl = url }.Validate(new(new())).Any());

    [Fact]
    public async Task A_refused_client_gets_401_a_challenge_and_no_store()
    {
        var context = new DefaultHttpContext();
        context.Response.Body = new MemoryStream();
        await TokenAnswer.WriteErrorAsync(context, TokenError.InvalidClient, CancellationToken.None);

        Assert.Equal(401, context.Response.StatusCode);
        Assert.StartsWith("Basic ", context.Response.Headers.WWWAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal("no-store", context.Response.Headers.CacheControl.ToString());
        context.Response.Body.Position = 0;
        Assert.Equal("invalid_client", (string?)JsonNode.Parse(context.Response.Body)!["error"]);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(3, 97)]
    [InlineData(99, 1)]
    [InlineData(100, 100)]
    [InlineData(130, 70)]
    public void A_refusal_waits_for_the_next_step_of_time(int past, int left) =>
        Assert.Equal(left, RefusalPace.Left(TimeSpan.FromMilliseconds(past)).TotalMilliseconds);

    private static readonly JsonSerializerOptions Plain =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static JsonObject Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            write(json);
        }

        return JsonNode.Parse(Encoding.UTF8.GetString(stream.ToArray()))!.AsObject();
    }
}
