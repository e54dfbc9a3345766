using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace Bulkhead.Bench.Http;

/// <summary>What the bare endpoint says once it serves; one line on stdout.</summary>
internal sealed record BareReady(string Url, string Token);

/// <summary>
/// What one writes without a platform: a minimal API that verifies an ES256 token, looks for the role, asks with WHERE
/// tenant_id, and writes the same JSON. No audit, no policy, no limits. Below <c>/kept</c> the claims of a verified
/// token are kept, as Bulkhead keeps them; there, and below <c>/entered</c>, records are created.
/// </summary>
internal static class BareServer
{
    public const string Word = "bare-server";

    private const string Issuer = "http://localhost/t/bench";
    private const string Columns =
        "id, created_at, updated_at, first_name, last_name, city, gender, born, income, visits, active, seen_at, note";
    private const string One = $"select {Columns} from public.visit where tenant_id = $1 and id = $2";
    private const string Page = $"select {Columns} from public.visit where tenant_id = $1 order by id limit $2";

    private static readonly string[] Roles = ["reader"];
    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false };
    private static readonly ConcurrentDictionary<string, string[]> Verified = new(StringComparer.Ordinal);
    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly TokenValidationParameters Rules = new()
    {
        ValidAlgorithms = ["ES256"],
        ValidTypes = ["at+jwt"],
        ValidIssuer = Issuer,
        ValidAudience = Issuer + "/api/v1",
        IssuerSigningKey = new ECDsaSecurityKey(Key) { KeyId = "bench" },
    };

    /// <param name="arguments">The connection string.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        await using var source = NpgsqlDataSource.Create(arguments[0]);
        var tenants = await TenantsAsync(source);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(System.Net.IPAddress.Loopback, 0);
        });
        await using var app = builder.Build();
        Map(app, "", keeps: false, source, tenants);
        Map(app, "/kept", keeps: true, source, tenants);
        MapCreation(app, "/kept", entered: false, source, tenants);
        MapCreation(app, "/entered", entered: true, source, tenants);
        await app.StartAsync();
        Console.WriteLine(JsonSerializer.Serialize(new BareReady(app.Urls.First(), Token()), JsonSerializerOptions.Web));
        // Ends with its starter, however that ends.
        await Console.In.ReadToEndAsync();
        await app.StopAsync();
        return 0;
    }

    private static void Map(
        WebApplication app, string prefix, bool keeps, NpgsqlDataSource source, Dictionary<string, Guid> tenants)
    {
        var one = prefix + "/t/{slug}/api/v1/contacts/{id:guid}";
        app.MapGet(one, async Task<Results<JsonHttpResult<Contact>, UnauthorizedHttpResult, NotFound>> (
            string slug, Guid id, HttpContext context) =>
        {
            if (!await MayReadAsync(context, keeps))
            {
                return TypedResults.Unauthorized();
            }

            await using var connection = await source.OpenConnectionAsync(context.RequestAborted);
            await using var command = new NpgsqlCommand(One, connection);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenants[slug] });
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
            await using var reader = await command.ExecuteReaderAsync(context.RequestAborted);
            return await reader.ReadAsync(context.RequestAborted)
                ? TypedResults.Json(Read(reader), ContactJson.Default.Contact)
                : TypedResults.NotFound();
        });
        var page = prefix + "/t/{slug}/api/v1/contacts";
        app.MapGet(page, async Task<Results<JsonHttpResult<ContactPage>, UnauthorizedHttpResult>> (
            string slug, int limit, HttpContext context) =>
        {
            if (!await MayReadAsync(context, keeps))
            {
                return TypedResults.Unauthorized();
            }

            await using var connection = await source.OpenConnectionAsync(context.RequestAborted);
            await using var command = new NpgsqlCommand(Page, connection);
            command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenants[slug] });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit + 1 });
            await using var reader = await command.ExecuteReaderAsync(context.RequestAborted);
            var found = new List<Contact>(limit);
            while (found.Count < limit && await reader.ReadAsync(context.RequestAborted))
            {
                found.Add(Read(reader));
            }

            var next = await reader.ReadAsync(context.RequestAborted)
                ? Base64Url.EncodeToString(found[^1].Id.ToByteArray())
                : null;
            return TypedResults.Json(new ContactPage(found, next), ContactJson.Default.ContactPage);
        });
    }

    private static void MapCreation(
        WebApplication app, string prefix, bool entered, NpgsqlDataSource source, Dictionary<string, Guid> tenants) =>
        app.MapPost(
            prefix + "/t/{slug}/api/v1/patients",
            async Task<Results<JsonHttpResult<Contact>, UnauthorizedHttpResult>> (string slug, HttpContext context) =>
            {
                if (!await MayReadAsync(context, keeps: true))
                {
                    return TypedResults.Unauthorized();
                }

                var draft = await context.Request.ReadFromJsonAsync(ContactJson.Default.ContactDraft, context.RequestAborted);
                var made = await BareCreation.CreateAsync(source, tenants[slug], draft!, entered, context.RequestAborted);
                return TypedResults.Json(made, ContactJson.Default.Contact, statusCode: StatusCodes.Status201Created);
            });

    private static Contact Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetDateTime(1), row.GetDateTime(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
        row.GetFieldValue<DateOnly>(7), row.GetDecimal(8), row.GetInt64(9), row.GetBoolean(10), row.GetDateTime(11), row.GetString(12));

    private static async ValueTask<bool> MayReadAsync(HttpContext context, bool keeps)
    {
        if (context.Request.Headers.Authorization is not [{ } header] || !header.StartsWith("Bearer ", StringComparison.Ordinal))
        {
            return false;
        }

        if (keeps && Verified.TryGetValue(header, out var roles))
        {
            return roles.Contains("reader");
        }

        var result = await Handler.ValidateTokenAsync(header["Bearer ".Length..], Rules);
        if (!result.IsValid)
        {
            return false;
        }

        roles = ((JsonWebToken)result.SecurityToken).GetPayloadValue<string[]>("roles");
        if (keeps)
        {
            Verified[header] = roles;
        }

        return roles.Contains("reader");
    }

    private static string Token() => Handler.CreateToken(new SecurityTokenDescriptor
    {
        TokenType = "at+jwt",
        Issuer = Issuer,
        Audience = Issuer + "/api/v1",
        Expires = DateTime.UtcNow.AddHours(12),
        Claims = new Dictionary<string, object>
        {
            ["sub"] = "bench-client",
            ["client_id"] = "bench-client",
            ["jti"] = Guid.CreateVersion7().ToString(),
            ["roles"] = Roles,
        },
        SigningCredentials = new(Rules.IssuerSigningKey, SecurityAlgorithms.EcdsaSha256),
    });

    private static async Task<Dictionary<string, Guid>> TenantsAsync(NpgsqlDataSource source)
    {
        await using var command = source.CreateCommand("select slug, id from public.tenant");
        await using var reader = await command.ExecuteReaderAsync();
        var tenants = new Dictionary<string, Guid>(StringComparer.Ordinal);
        while (await reader.ReadAsync())
        {
            tenants.Add(reader.GetString(0), reader.GetGuid(1));
        }

        return tenants;
    }
}
