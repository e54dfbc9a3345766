using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace Bulkhead.Platform.Identity;

/// <summary>What a client needs to know of an issuer: its metadata (RFC 8414, OpenID Connect Discovery) and keys (RFC 7517).</summary>
internal static class IssuerMetadata
{
    public static Task TenantAsync(HttpContext context, IOptions<IdentityOptions> options)
    {
        var issuer = Issuer.Of(context.Features.GetRequiredFeature<ResolvedTenant>(), options.Value);
        return WriteAsync(context, json => WriteMetadata(json, issuer));
    }

    public static Task TenantKeysAsync(HttpContext context)
    {
        var keys = context.Features.GetRequiredFeature<ResolvedTenant>().Tenant.SigningKeys;
        return WriteAsync(context, json => WriteKeys(json, keys));
    }

    public static Task OperatorKeysAsync(HttpContext context, Catalogue catalogue)
    {
        var keys = catalogue.Current.OperatorKeys;
        return WriteAsync(context, json => WriteKeys(json, keys));
    }

    internal static void WriteMetadata(Utf8JsonWriter json, Issuer issuer)
    {
        json.WriteStartObject();
        json.WriteString("issuer", issuer.Url);
        json.WriteString("token_endpoint", issuer.TokenEndpoint);
        json.WriteString("jwks_uri", issuer.KeysEndpoint);
        WriteStrings(json, "grant_types_supported", "client_credentials");
        WriteStrings(json, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post");
        // Required members, though no grant here has a response type or an ID token.
        WriteStrings(json, "response_types_supported");
        WriteStrings(json, "subject_types_supported", "public");
        WriteStrings(json, "id_token_signing_alg_values_supported", AccessToken.Algorithm);
        json.WriteEndObject();
    }

    internal static void WriteKeys(Utf8JsonWriter json, ImmutableArray<PublicKey> keys)
    {
        json.WriteStartObject();
        json.WriteStartArray("keys");
        foreach (var key in keys)
        {
            json.WriteRawValue(key.Jwk);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, params ReadOnlySpan<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> document)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        await using (var json = new Utf8JsonWriter(buffer))
        {
            document(json);
        }

        var response = context.Response;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        // Short: a key that was withdrawn must not live on in caches.
        response.Headers.CacheControl = "public, max-age=60";
        await response.Body.WriteAsync(buffer.WrittenMemory, context.RequestAborted);
    }
}
