using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Identity;

/// <summary>An access token to be written (RFC 9068): who, for whom, until when.</summary>
/// <param name="Roles">Of the tenant's app; empty for the operator.</param>
/// <param name="Scope">Left out when null: a tenant's token has none.</param>
internal sealed record AccessToken(
    Issuer Issuer,
    string ClientId,
    ImmutableArray<string> Roles,
    string? Scope,
    Guid Id,
    DateTimeOffset IssuedAt)
{
    /// <summary>Without \u escapes for what needs none: some who read <c>typ</c> compare its bytes.</summary>
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Short, because a role that was taken away lives on in tokens until they expire.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    public const string Type = "at+jwt";

    public const string Algorithm = "ES256";

    /// <summary>How strongly the client was signed in (<c>acr</c>): by the one secret that it has.</summary>
    public const string Assurance = "secret";

    /// <param name="signer">Null stands for the operator.</param>
    public string Sign(TenantId? signer, TokenSigning signing) =>
        Write(signing.ActiveKid(signer), data => signing.Sign(signer, data));

    internal string Write(string kid, Signer sign)
    {
        var json = new ArrayBufferWriter<byte>(512);
        var token = new StringBuilder(1024);
        using (var writer = new Utf8JsonWriter(json, Plain))
        {
            WriteHeader(writer, kid);
            writer.Flush();
            token.Append(Base64Url.EncodeToString(json.WrittenSpan)).Append('.');
            json.ResetWrittenCount();
            writer.Reset();
            WriteClaims(writer);
            writer.Flush();
            token.Append(Base64Url.EncodeToString(json.WrittenSpan));
        }

        var signature = sign(Encoding.ASCII.GetBytes(token.ToString()));
        return token.Append('.').Append(Base64Url.EncodeToString(signature)).ToString();
    }

    private static void WriteHeader(Utf8JsonWriter json, string kid)
    {
        json.WriteStartObject();
        json.WriteString("typ", Type);
        json.WriteString("alg", Algorithm);
        json.WriteString("kid", kid);
        json.WriteEndObject();
    }

    private void WriteClaims(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("iss", Issuer.Url);
        json.WriteString("sub", ClientId);
        json.WriteString("aud", Issuer.Audience);
        json.WriteNumber("exp", (IssuedAt + Lifetime).ToUnixTimeSeconds());
        json.WriteNumber("iat", IssuedAt.ToUnixTimeSeconds());
        json.WriteString("jti", Id);
        json.WriteString("client_id", ClientId);
        json.WriteString("acr", Assurance);
        if (Scope is not null)
        {
            json.WriteString("scope", Scope);
        }
        else
        {
            json.WriteStartArray("roles");
            foreach (var role in Roles)
            {
                json.WriteStringValue(role);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    internal delegate byte[] Signer(ReadOnlySpan<byte> data);
}
