using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Tenants;
using Bulkhead.Tests.Unit.Apps;

namespace Bulkhead.Tests.Unit.Tenants;

public sealed class OnboardRequestTests
{
    private const string Good = """
        {"slug":"north-side","name":"Northside Clinic","isolation":"schema","app":"sample",
         "hosts":["api.northside.example"],"serviceAccounts":[{"role":"admin"},{"role":"clerk","description":"Import"}]}
        """;

    [Fact]
    public void Read_a_whole_request()
    {
        var (request, faults) = Read(Good);

        Assert.Empty(faults);
        Assert.Equal(("north-side", IsolationKind.Schema), (request!.Slug, request.Isolation));
        Assert.Equal("api.northside.example", Assert.Single(request.Hosts));
        Assert.Equal(["admin", "clerk"], request.Accounts.Select(a => a.Role));
    }

    [Fact]
    public void Say_everything_that_is_missing_at_once()
    {
        var (request, faults) = Read("{}");

        Assert.Null(request);
        Assert.Equal(
            [("required", "/slug"), ("required", "/name"), ("required", "/isolation"), ("required", "/app")],
            faults.Select(f => (f.Code, f.Pointer)));
    }

    [Theory]
    [InlineData("slug", "\"a\"", "invalid-value", "/slug")]
    [InlineData("slug", "\"A-b\"", "invalid-value", "/slug")]
    [InlineData("slug", "\"ab-\"", "invalid-value", "/slug")]
    [InlineData("slug", "\"operator\"", "invalid-value", "/slug")]
    [InlineData("slug", "7", "invalid-value", "/slug")]
    [InlineData("slug", "null", "invalid-value", "/slug")]
    [InlineData("name", "\" \"", "invalid-value", "/name")]
    [InlineData("name", "\"a\\u0000b\"", "invalid-value", "/name")]
    [InlineData("name", "\"\\ud800\"", "invalid-value", "/name")]
    [InlineData("isolation", "\"Shared\"", "invalid-value", "/isolation")]
    [InlineData("app", "\"other\"", "app-not-found", "/app")]
    [InlineData("hosts", "\"a.example\"", "invalid-value", "/hosts")]
    [InlineData("hosts", "[\"a.example\", \"http://b.example\"]", "invalid-value", "/hosts/1")]
    [InlineData("hosts", "[\"A.example\"]", "invalid-value", "/hosts/0")]
    [InlineData("hosts", "[\"10.0.0.1\"]", "invalid-value", "/hosts/0")]
    [InlineData("hosts", "[\"a.example\", \"a.example\"]", "invalid-value", "/hosts/1")]
    [InlineData("serviceAccounts", "[{}]", "required", "/serviceAccounts/0/role")]
    [InlineData("serviceAccounts", "[{\"role\":\"owner\"}]", "invalid-value", "/serviceAccounts/0/role")]
    [InlineData("serviceAccounts", "[{\"role\":\"admin\",\"secret\":\"x\"}]", "unknown-field", "/serviceAccounts/0/secret")]
    [InlineData("plan/x", "1", "unknown-field", "/plan~1x")]
    public void Refuse_a_value_with_a_pointer_to_it(string name, string value, string code, string pointer)
    {
        var body = JsonNode.Parse(Good)!.AsObject();
        body.Remove(name);

        var (request, faults) = Read($"{body.ToJsonString()[..^1]},\"{name}\":{value}}}");

        Assert.Null(request);
        Assert.Equal((code, pointer), Assert.Single(faults.Select(f => (f.Code, f.Pointer))));
    }

    [Fact]
    public void Keep_only_the_digest_of_a_secret_with_256_random_bits()
    {
        var one = OnboardTenant.Client.Create(new("admin", "x"));
        var two = OnboardTenant.Client.Create(new("admin", "x"));

        Assert.NotEqual(one.Secret, two.Secret);
        Assert.NotEqual(one.Account.ClientId, two.Account.ClientId);
        Assert.StartsWith("bhs_", one.Secret, StringComparison.Ordinal);
        Assert.StartsWith("bhc_", one.Account.ClientId, StringComparison.Ordinal);
        Assert.Equal(4 + 43, one.Secret.Length);
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(one.Secret)), one.Account.SecretDigest);
        Assert.Equal("admin", Assert.Single(one.Account.Roles));
    }

    private static (OnboardRequest? Request, List<Fault> Faults) Read(string body)
    {
        var model = SampleManifest.Model();
        var faults = new List<Fault>();
        using var json = JsonDocument.Parse(body);
        return (OnboardRequest.Read(json.RootElement, app => app == model.Name ? model : null, faults), faults);
    }
}
