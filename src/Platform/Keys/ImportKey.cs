using System.Buffers.Text;
using System.Text.Json;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// Bring your own key. <c>POST /api/v1/keys/import</c> gives a fresh public key; <c>POST /api/v1/keys/import/{id}</c> with
/// <c>{"sealed": base64url}</c> takes 32 bytes that were sealed to it, once, within an hour. See docs/key-import.md.
/// </summary>
internal static class ImportKey
{
    private const int MaxBody = 16 * 1024;

    internal static async Task OfferAsync(
        HttpContext context, Authentication authentication, Denials denials, KeyCustody custody, KeyImport import)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.import.offer") is { } call)
        {
            ImportOffer offer;
            try
            {
                offer = await import.OfferAsync(call.Context, context.RequestAborted);
            }
            catch (AlgorithmFault fault)
            {
                await ProblemResults.WriteAsync(context, 503, "algorithm-unavailable", fault.Message, null, context.RequestAborted);
                return;
            }

            var answer = new Offer(
                offer.Id,
                offer.Algorithm,
                Base64Url.EncodeToString(offer.PublicKey),
                Base64Url.EncodeToString(offer.Associated),
                offer.ExpiresAt);
            await JsonAnswer.WriteAsync(context, 201, answer, context.RequestAborted);
        }
    }

    internal static async Task TakeAsync(
        HttpContext context,
        Guid id,
        Authentication authentication,
        Denials denials,
        Catalogue catalogue,
        KeyCustody custody,
        KeyImport import)
    {
        var cancellationToken = context.RequestAborted;
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.import") is not { } call)
        {
            return;
        }

        if (await LimitedBody.ReadAsync(context, MaxBody, ["application/json"], cancellationToken) is not { } body)
        {
            return;
        }

        if (Read(body) is not { } sealedKey)
        {
            await ProblemResults.WriteAsync(
                context,
                400,
                "invalid-body",
                "The body is {\"sealed\": the sealed key in base64url} and nothing else, at most 16 KiB.",
                null,
                cancellationToken);
            return;
        }

        try
        {
            await import.TakeAsync(call.Context, id, sealedKey, cancellationToken);
        }
        catch (ImportRefused refused)
        {
            await denials.RecordAsync(call, "import-refused", "keys.import", null, cancellationToken);
            await ProblemResults.WriteAsync(context, 422, "import-refused", refused.Message, null, cancellationToken);
            return;
        }

        await JsonAnswer.WriteAsync(
            context, 200, await KeysView.OfAsync(custody, catalogue, call.Context.Tenant, cancellationToken), cancellationToken);
    }

    private static byte[]? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 2, AllowDuplicateProperties = false });
            return json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.EnumerateObject().Count() == 1
                && json.RootElement.TryGetProperty("sealed", out var value)
                && value.ValueKind == JsonValueKind.String
                && Base64Url.IsValid(value.GetString())
                ? Base64Url.DecodeFromChars(value.GetString())
                : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The second: half of a surrogate pair is JSON, and no text.
            return null;
        }
    }

    /// <param name="PublicKey">base64url.</param>
    /// <param name="Associated">What the sealing is bound to, base64url.</param>
    private sealed record Offer(Guid Id, string Algorithm, string PublicKey, string Associated, DateTimeOffset ExpiresAt);
}
