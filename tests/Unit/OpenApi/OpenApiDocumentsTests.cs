using System.Text;
using Bulkhead.Platform.Data;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Tests.Unit.OpenApi;

public sealed class OpenApiDocumentsTests
{
    [Theory]
    [InlineData("http://localhost:8080/t/northside")]
    [InlineData("https://api.riverside.example")]
    public async Task Serve_each_tenant_the_document_with_its_own_url(string tenantBase)
    {
        var documents = new OpenApiDocuments(new DataLimits());
        await SendAsync(documents, "http://localhost:8080/t/other");

        var (body, length) = await SendAsync(documents, tenantBase);

        Assert.Equal(Encoding.UTF8.GetString(OpenApiDocument.Write(SmallApp.Model, tenantBase, new DataLimits())),
            body);
        Assert.Equal(Encoding.UTF8.GetByteCount(body), length);
        Assert.DoesNotContain("tenant.invalid", body, StringComparison.Ordinal);
        Assert.DoesNotContain("/t/other", body, StringComparison.Ordinal);
    }

    private static async Task<(string Body, long? Length)> SendAsync(OpenApiDocuments documents, string tenantBase)
    {
        using var stream = new MemoryStream();
        var context = new DefaultHttpContext();
        context.Response.Body = stream;
        await documents.WriteAsync(context.Response, SmallApp.Model, tenantBase);
        return (Encoding.UTF8.GetString(stream.ToArray()), context.Response.ContentLength);
    }
}
