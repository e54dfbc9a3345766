using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// The documents of the models in use. Tenants of one app differ in nothing but their URL, so one document is kept
/// per model, cut where the URL stands: the memory grows with the apps and not with the tenants. It goes when its
/// model goes.
/// </summary>
internal sealed class OpenApiDocuments(DataLimits limits)
{
    /// <summary>
    /// Stands for the tenant's URL. A manifest that says it gets the URL in its text, which harms nobody.
    /// </summary>
    private const string Placeholder = "https://tenant.invalid";

    private readonly ConditionalWeakTable<AppModel, Pieces> _pieces = [];

    private sealed record Pieces(ImmutableArray<byte[]> Between);

    /// <param name="tenantBase">Of our own making: from the configuration or a claimed host, never from what a client
    /// sent.</param>
    public async Task WriteAsync(HttpResponse response, AppModel app, string tenantBase)
    {
        var pieces = _pieces.GetValue(app, _ => Cut(app)).Between;
        var url = JsonEncodedText.Encode(tenantBase).EncodedUtf8Bytes.ToArray();
        response.ContentLength = pieces.Sum(piece => piece.LongLength) + ((pieces.Length - 1) * url.LongLength);
        for (var i = 0; i < pieces.Length; i++)
        {
            if (i > 0)
            {
                await response.Body.WriteAsync(url, response.HttpContext.RequestAborted);
            }

            await response.Body.WriteAsync(pieces[i], response.HttpContext.RequestAborted);
        }
    }

    private Pieces Cut(AppModel app)
    {
        ReadOnlySpan<byte> rest = OpenApiDocument.Write(app, Placeholder, limits);
        var mark = Encoding.ASCII.GetBytes(Placeholder);
        var between = ImmutableArray.CreateBuilder<byte[]>();
        for (var at = rest.IndexOf(mark); at >= 0; at = rest.IndexOf(mark))
        {
            between.Add(rest[..at].ToArray());
            rest = rest[(at + mark.Length)..];
        }

        between.Add(rest.ToArray());
        return new(between.ToImmutable());
    }
}
