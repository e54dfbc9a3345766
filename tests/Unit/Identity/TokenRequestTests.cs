using System.Security.Cryptography;
using System.Text;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Bulkhead.Tests.Unit.Identity;

public sealed class TokenRequestTests
{
    private const string Grant = "grant_type=client_credentials";

    [Fact]
    public void Read_a_client_from_the_body()
    {
        var (request, error) = Read(Grant + "&client_id=c1&client_secret=s%2Bcret");
        Assert.Null(error);
        Assert.Equal("c1", request!.ClientId);
        Assert.Equal(SHA256.HashData("s+cret"u8), request.SecretDigest);
    }

    [Theory]
    [InlineData("c1:secret", "secret")]
    [InlineData("c1:se%3Acr%2Bet", "se:cr+et")]
    [InlineData("c1:with:colon", "with:colon")]
    public void Read_a_client_from_the_header_form_encoded(string credentials, string secret)
    {
        var (request, error) = Read(Grant, Basic(credentials));
        Assert.Null(error);
        Assert.Equal("c1", request!.ClientId);
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(secret)), request.SecretDigest);
    }

    [Theory]
    [InlineData(Grant + "&client_id=c1&client_secret=s")]
    [InlineData(Grant + "&client_secret=s")]
    [InlineData(Grant + "&client_assertion=x")]
    [InlineData(Grant + "&client_assertion_type=x")]
    public void Refuse_two_ways_of_authentication_at_once_39(string body) => Refuses(body, "invalid_request", Basic("c1:s"));

    [Fact]
    public void Refuse_a_secret_beside_an_assertion_39() =>
        Refuses(Grant + "&client_id=c1&client_secret=s&client_assertion=x", "invalid_request");

    [Fact]
    public void Refuse_an_assertion_alone_as_nobodys() => Refuses(Grant + "&client_assertion=x", "invalid_client");

    [Fact]
    public void The_id_in_the_body_must_be_the_one_of_the_header()
    {
        Assert.NotNull(Read(Grant + "&client_id=c1", Basic("c1:s")).Request);
        Refuses(Grant + "&client_id=c2", "invalid_request", Basic("c1:s"));
    }

    [Theory]
    [InlineData("client_id=c1&client_secret=s")]
    [InlineData("grant_type=&client_id=c1&client_secret=s")]
    [InlineData("")]
    public void Refuse_a_request_without_grant_type(string body) => Refuses(body, "invalid_request");

    [Theory]
    [InlineData("password")]
    [InlineData("authorization_code")]
    [InlineData("refresh_token")]
    [InlineData("Client_Credentials")]
    public void Refuse_another_grant(string grant) =>
        Refuses($"grant_type={grant}&client_id=c1&client_secret=s", "unsupported_grant_type");

    [Theory]
    [InlineData("grant_type=client_credentials&grant_type=client_credentials&client_id=c1&client_secret=s")]
    [InlineData(Grant + "&client_id=c1&client_id=c1&client_secret=s")]
    [InlineData(Grant + "&client_id=c1&client_secret=s&client_secret=t")]
    [InlineData(Grant + "&client_id=c1&client_secret=s&other=1&other=2")]
    [InlineData(Grant + "&client_id=c1&client_secret=s&%67rant_type=client_credentials")]
    [InlineData(Grant + "&client_id=c1&client_secret=s&scope=&scope=")]
    public void Refuse_a_parameter_that_stands_twice(string body) => Refuses(body, "invalid_request");

    [Theory]
    [InlineData(Grant + "&client_id=%zz&client_secret=s")]
    [InlineData(Grant + "&client_id=c1&client_secret=%4")]
    [InlineData(Grant + "&client_id=c1&client_secret=%ff%fe")]
    [InlineData(Grant + "&client_id=c1&client_secret=a%00b")]
    [InlineData(Grant + "&client_id=c1%0a&client_secret=b")]
    public void Refuse_a_broken_escape_or_text(string body) => Refuses(body, "invalid_request");

    [Theory]
    [InlineData("scope=operator")]
    [InlineData("scope=patients.read")]
    public void A_tenant_has_no_scopes(string scope) =>
        Refuses($"{Grant}&client_id=c1&client_secret=s&{scope}", "invalid_scope");

    [Theory]
    [InlineData("operator", true)]
    [InlineData("", true)]
    [InlineData("admin", false)]
    [InlineData("operator+admin", false)]
    public void The_operator_has_one_scope(string scope, bool allowed)
    {
        var body = Encoding.ASCII.GetBytes($"{Grant}&client_id=c1&client_secret=s&scope={scope}");
        var (request, error) = TokenRequest.Read(StringValues.Empty, body, "operator");
        Assert.Equal(allowed, request is not null);
        Assert.Equal(allowed ? null : "invalid_scope", error?.Error);
    }

    [Theory]
    [InlineData(Grant)]
    [InlineData(Grant + "&client_id=c1")]
    [InlineData(Grant + "&client_secret=s")]
    [InlineData(Grant + "&client_id=&client_secret=s")]
    [InlineData(Grant + "&client_id=c1&client_secret=")]
    [InlineData(Grant + "&client_id=c1'--&client_secret=s")]
    [InlineData(Grant + "&client_id=%E2%80%AEc1&client_secret=s")]
    public void A_client_that_cannot_be_ours_is_unknown(string body) => Refuses(body, "invalid_client");

    [Theory]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic !!!")]
    [InlineData("Basic YzE=")]
    [InlineData("Bearer abc")]
    [InlineData("Negotiate abc")]
    public void A_header_without_client_and_secret_is_an_unknown_client(string authorization) =>
        Refuses(Grant, "invalid_client", authorization);

    [Fact]
    public void Refuse_two_authorization_headers()
    {
        var (_, error) = TokenRequest.Read(
            new StringValues([Basic("c1:s"), Basic("c1:s")]), Encoding.ASCII.GetBytes(Grant), null);
        Assert.Equal("invalid_request", error!.Error);
    }

    [Fact]
    public void A_credential_longer_than_any_of_ours_is_unknown()
    {
        Refuses($"{Grant}&client_id=c1&client_secret={new string('s', 257)}", "invalid_client");
        Refuses($"{Grant}&client_id={new string('c', 257)}&client_secret=s", "invalid_client");
        Refuses(Grant, "invalid_client", Basic("c1:" + new string('s', 4096)));
    }

    [Fact]
    public void Unknown_parameters_are_ignored_as_the_standard_asks() =>
        Assert.NotNull(Read(Grant + "&client_id=c1&client_secret=s&resource=x").Request);

    [Fact]
    public void No_refusal_repeats_what_was_sent()
    {
        const string Marker = "zq9marker";
        string[] bodies =
        [
            $"grant_type={Marker}&client_id={Marker}&client_secret={Marker}",
            $"{Grant}&client_id={Marker}&client_secret={Marker}&scope={Marker}",
            $"{Grant}&{Marker}=1&{Marker}=2",
        ];
        Assert.All(bodies, body => Assert.DoesNotContain(Marker, Read(body).Error!.Description, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refuse_parameters_in_the_url_another_content_type_and_a_body_over_8_KiB()
    {
        Assert.Equal(400, await StatusAsync(Grant, r => r.QueryString = new("?client_id=c1")));
        Assert.Equal(400, await StatusAsync("{}", r => r.ContentType = "application/json"));
        Assert.Equal(400, await StatusAsync(Grant, r => r.ContentType = null));
        Assert.Equal(413, await StatusAsync(Grant + "&x=" + new string('x', 8 * 1024), _ => { }));
        Assert.Null(await StatusAsync(
            Grant + "&client_id=c1&client_secret=s",
            r => r.ContentType = "Application/X-WWW-Form-Urlencoded; charset=utf-8"));
    }

    private static async Task<int?> StatusAsync(string body, Action<HttpRequest> change)
    {
        var request = new DefaultHttpContext().Request;
        request.ContentType = "application/x-www-form-urlencoded";
        request.Body = new MemoryStream(Encoding.ASCII.GetBytes(body));
        change(request);
        return (await TokenRequest.ReadAsync(request, null, CancellationToken.None)).Error?.Status;
    }

    private static void Refuses(string body, string error, string? authorization = null)
    {
        var (request, refusal) = Read(body, authorization);
        Assert.Null(request);
        Assert.Equal(error, refusal!.Error);
        Assert.Equal(error == "invalid_client" ? 401 : 400, refusal.Status);
    }

    private static (TokenRequest? Request, TokenError? Error) Read(string body, string? authorization = null) =>
        TokenRequest.Read(authorization ?? StringValues.Empty, Encoding.ASCII.GetBytes(body), null);

    private static string Basic(string credentials) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
}
