using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Keys.OwnKeyService;

namespace Bulkhead.Tests.System.Keys;

/// <summary>The sample against a client that has the platform's certificate and sends what the platform never would.</summary>
public sealed class SampleKeyServiceTests(KeyServiceProcess service) : IClassFixture<KeyServiceProcess>
{
    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"key":"K","wrapped":"W","associated":"A"}""")]
    [InlineData("""{"key":"K","wrapped":"W","associated":"A","requestId":null}""")]
    [InlineData("""{"key":"K","wrapped":"W","associated":"A","requestId":"R","more":1}""")]
    [InlineData("""{"key":"K","key":"K","wrapped":"W","associated":"A","requestId":"R"}""")]
    public async Task What_is_not_the_protocol_is_a_bad_request(string body) =>
        Assert.Equal((HttpStatusCode.BadRequest, "bad-request"), await PostAsync(body));

    [Fact]
    public async Task A_request_that_is_too_long_is_refused() =>
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await PostAsync(new string(' ', 9_000))).Status);

    [Fact]
    public async Task Neither_a_path_nor_a_case_makes_another_key()
    {
        foreach (var key in new[] { "", "../server", "../keys/" + service.KeyId, service.KeyId.ToUpperInvariant(), new string('0', 64) })
        {
            Assert.Equal((HttpStatusCode.NotFound, "no-such-key"), await AskAsync(key, new byte[138], Context()));
        }
    }

    [Fact]
    public async Task A_point_off_the_curve_opens_nothing()
    {
        var wrapped = new byte[138];
        (wrapped[0], wrapped[1], wrapped[33], wrapped[65]) = (3, 4, 1, 1);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "not-genuine"), await AskAsync(service.KeyId, wrapped, Context()));
    }

    [Fact]
    public async Task Associated_bytes_that_say_nothing_are_refused_and_logged()
    {
        var whole = Context();
        byte[][] odd = [[], [0], whole[..^1], [.. whole, 0], [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff, .. whole]];
        foreach (var associated in odd)
        {
            var lines = service.Lines;
            Assert.Equal((HttpStatusCode.UnprocessableEntity, "not-genuine"), await AskAsync(service.KeyId, new byte[138], associated));
            Assert.Equal(lines + 1, service.Lines);
            Assert.Equal(JsonValueKind.Null, service.Log()[^1].GetProperty("tenant").ValueKind);
        }
    }

    [Fact]
    public async Task A_forged_line_stays_one_line_of_the_log()
    {
        var lines = service.Lines;
        var context = HeldKeyContext.Of(service.Tenant, "rows\n{\"outcome\":\"unwrapped\"}", 1);
        await AskAsync("a\nb", new byte[138], context.Bytes.ToArray());
        Assert.Equal(lines + 1, service.Lines);
        Assert.Equal("no-such-key", service.Log()[^1].GetProperty("outcome").GetString());
    }

    private byte[] Context() => HeldKeyContext.Of(service.Tenant, "rows", 1).Bytes.ToArray();

    private Task<(HttpStatusCode Status, string? Code)> AskAsync(string key, byte[] wrapped, byte[] associated) =>
        PostAsync(JsonSerializer.Serialize(new
        {
            key,
            wrapped = Base64Url.EncodeToString(wrapped),
            associated = Base64Url.EncodeToString(associated),
            requestId = "of a test",
        }));

    private async Task<(HttpStatusCode Status, string? Code)> PostAsync(string body)
    {
        var pem = service.Read("platform.pem");
        using var handler = new SocketsHttpHandler();
        using var certificate = X509Certificate2.CreateFromPem(pem, pem);
        handler.SslOptions.ClientCertificates = [certificate];
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null;
        using var client = new HttpClient(handler);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync($"{service.Url}/v1/unwrap", content);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? null : JsonDocument.Parse(text).RootElement.GetProperty("code").GetString());
    }
}
