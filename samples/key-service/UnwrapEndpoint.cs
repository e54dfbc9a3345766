using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Samples.KeyService;

/// <summary>What the platform sends; each field is required and no other is taken.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record UnwrapRequest(string Key, string Wrapped, string Associated, string RequestId);

/// <summary>What the wrapped key is, as the platform bound it: tenant, purpose, version.</summary>
internal sealed record KeyWords(Guid Tenant, string Purpose, uint Version);

/// <summary><c>POST /v1/unwrap</c>, see docs/key-service.md.</summary>
internal sealed class UnwrapEndpoint(KeyFolder folder)
{
    public const int LongestRequest = 8_192;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNameCaseInsensitive = false,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly Lock _logging = new();

    public async Task AnswerAsync(HttpContext http)
    {
        UnwrapRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync<UnwrapRequest>(http.Request.Body, Json, http.RequestAborted);
        }
        catch (JsonException)
        {
            request = null;
        }

        if (request is null)
        {
            await RefuseAsync(http, 400, "bad-request");
            return;
        }

        var words = ReadWords(request.Associated, out var associated);
        var key = GC.AllocateArray<byte>(Sealed.KeyLength, pinned: true);
        try
        {
            var (status, outcome) = Unwrap(request, words, associated, key);
            // The line stands before the answer leaves: an unwrap that could not be logged did not happen.
            Log(request, words, outcome);
            if (status == 200)
            {
                await GiveAsync(http, key);
            }
            else
            {
                await RefuseAsync(http, status, outcome);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private (int Status, string Outcome) Unwrap(UnwrapRequest request, KeyWords? words, byte[] associated, Span<byte> key)
    {
        if (words is null)
        {
            return (422, "not-genuine");
        }

        if (words.Tenant != folder.Tenant)
        {
            return (403, "other-tenant");
        }

        if (folder.IsWithdrawn)
        {
            return (403, "withdrawn");
        }

        using var own = folder.Find(request.Key);
        if (own is null)
        {
            return (404, "no-such-key");
        }

        var genuine = TryDecode(request.Wrapped, out var wrapped) && Sealed.TryOpen(own, wrapped, associated, key);
        return genuine ? (200, "unwrapped") : (422, "not-genuine");
    }

    /// <summary>Four parts, each after its length (4 bytes, big endian): a label, the tenant, the purpose, the version.</summary>
    private static KeyWords? ReadWords(string text, out byte[] associated)
    {
        if (!TryDecode(text, out associated))
        {
            return null;
        }

        var rest = associated.AsSpan();
        var parts = new byte[4][];
        for (var i = 0; i < parts.Length; i++)
        {
            if (rest.Length < 4 || BinaryPrimitives.ReadUInt32BigEndian(rest) > rest.Length - 4)
            {
                return null;
            }

            var length = BinaryPrimitives.ReadInt32BigEndian(rest);
            parts[i] = rest.Slice(4, length).ToArray();
            rest = rest[(4 + length)..];
        }

        return rest.IsEmpty && parts[0].AsSpan().SequenceEqual("tenant key"u8) && parts[1].Length == 16 && parts[3].Length == 4
            ? new KeyWords(
                new Guid(parts[1], bigEndian: true), Encoding.UTF8.GetString(parts[2]), BinaryPrimitives.ReadUInt32BigEndian(parts[3]))
            : null;
    }

    private void Log(UnwrapRequest request, KeyWords? words, string outcome)
    {
        var line = JsonSerializer.Serialize(new
        {
            time = DateTimeOffset.UtcNow,
            outcome,
            key = request.Key,
            tenant = words?.Tenant,
            purpose = words?.Purpose,
            version = words?.Version,
            requestId = request.RequestId,
        });
        lock (_logging)
        {
            using var file = new FileStream(folder.Log, FileMode.Append, FileAccess.Write, FileShare.Read);
            file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            file.Flush(flushToDisk: true);
        }

        Console.WriteLine(line);
    }

    private static async Task GiveAsync(HttpContext http, byte[] key)
    {
        var body = GC.AllocateArray<byte>(14 + 43 + 2, pinned: true);
        try
        {
            "{\"unwrapped\":\""u8.CopyTo(body);
            Base64Url.EncodeToUtf8(key, body.AsSpan(14));
            "\"}"u8.CopyTo(body.AsSpan(14 + 43));
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(body);
        }
    }

    private static Task RefuseAsync(HttpContext http, int status, string code)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(new { code }, http.RequestAborted);
    }

    private static bool TryDecode(string text, out byte[] bytes)
    {
        try
        {
            bytes = Base64Url.DecodeFromChars(text);
            return true;
        }
        catch (FormatException)
        {
            bytes = [];
            return false;
        }
    }
}
