using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// <c>GET /operator/v1/witnesses</c>, <c>PUT …/{name}</c> with <c>vkey</c>, <c>url</c> and perhaps <c>postQuantumVkey</c>,
/// <c>DELETE …/{name}</c>: who signs the log of heads besides us, and what each answered that did not sign. Also shows what they are to
/// know: the keys and origin of the log of heads.
/// </summary>
internal static class Witnesses
{
    private const int MaxBody = 16 * 1024;
    private const int MaxText = 4000;

    public static async Task ListAsync(
        HttpContext context, Authentication authentication, HeadWitnessing witnessing, LogKeys keys)
    {
        if (await authentication.OperatorAsync(context) is not null)
        {
            await AnswerAsync(context, witnessing, keys);
        }
    }

    public static async Task PutAsync(
        HttpContext context, string name, Authentication authentication, HeadWitnessing witnessing, LogKeys keys)
    {
        if (await authentication.OperatorAsync(context) is not { } actor || !await IsAvailableAsync(context, witnessing))
        {
            return;
        }

        var faults = new List<Fault>();
        if (!NoteKey.IsName(name) || name.Length > 100)
        {
            faults.Add(new("invalid-name", "A witness's name has 1 to 100 characters, no spaces and no '+'.", "/name"));
        }

        if (await LimitedBody.ReadAsync(context, MaxBody, ["application/json"], context.RequestAborted) is not { } body)
        {
            return;
        }

        var (vkey, second, url) = Read(body, faults);
        var key = vkey is null ? null : NoteKey.Parse(vkey);
        if (vkey is not null && key is not { Kind: NoteSignatureKind.CosignatureEd25519 })
        {
            faults.Add(new("invalid-witness", "A verifier key of cosignatures is needed, as the witness prints it: name+id+base64.", "/vkey"));
        }

        var postQuantumKey = second is null ? null : NoteKey.Parse(second);
        if (second is not null && postQuantumKey is not { Kind: NoteSignatureKind.CosignatureMLDsa44 })
        {
            faults.Add(new("invalid-witness", "A verifier key of ML-DSA-44 cosignatures is needed, as the witness prints it.", "/postQuantumVkey"));
        }

        Uri? address = null;
        if (url is not null && (!Uri.TryCreate(url, UriKind.Absolute, out address) || !IsAllowed(address)))
        {
            faults.Add(new("invalid-witness", "An https address that ends in '/' is needed; http only on this machine.", "/url"));
        }

        if (faults.Count > 0)
        {
            await ProblemResults.WriteAsync(context, 422, "invalid-body", "The witness cannot be appointed so.", faults, context.RequestAborted);
            return;
        }

        await witnessing.PutAsync(actor, context.TraceIdentifier, name, key!, postQuantumKey, address!, context.RequestAborted);
        await AnswerAsync(context, witnessing, keys);
    }

    public static async Task RemoveAsync(
        HttpContext context, string name, Authentication authentication, HeadWitnessing witnessing, LogKeys keys)
    {
        if (await authentication.OperatorAsync(context) is not { } actor || !await IsAvailableAsync(context, witnessing))
        {
            return;
        }

        await witnessing.RemoveAsync(actor, context.TraceIdentifier, name, context.RequestAborted);
        await AnswerAsync(context, witnessing, keys);
    }

    private static bool IsAllowed(Uri url) =>
        url.AbsoluteUri.EndsWith('/') && url.UserInfo.Length == 0 && url.Query.Length == 0 && url.Fragment.Length == 0
        && (url.Scheme == "https" || (url.Scheme == "http" && url.IsLoopback));

    private static async Task<bool> IsAvailableAsync(HttpContext context, HeadWitnessing witnessing)
    {
        if (witnessing.IsAvailable)
        {
            return true;
        }

        await ProblemResults.WriteAsync(
            context, 503, "no-deployer", "This process has no deployer's credential: it cannot do this.", null, context.RequestAborted);
        return false;
    }

    private static (string? VKey, string? PostQuantumVkey, string? Url) Read(ReadOnlyMemory<byte> body, List<Fault> faults)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                faults.Add(new("invalid-body", "An object with vkey and url is needed.", ""));
                return default;
            }

            foreach (var member in json.RootElement.EnumerateObject().Where(m => m.Name is not ("vkey" or "postQuantumVkey" or "url")))
            {
                faults.Add(new("unknown-field", "There is no such member.", "/" + member.Name));
            }

            var second = json.RootElement.TryGetProperty("postQuantumVkey", out var value) && value.ValueKind != JsonValueKind.Null;
            return (
                Text(json.RootElement, "vkey", faults),
                second ? Text(json.RootElement, "postQuantumVkey", faults) : null,
                Text(json.RootElement, "url", faults));
        }
        catch (JsonException)
        {
            faults.Add(new("invalid-body", "The body is not JSON.", ""));
            return default;
        }
    }

    private static string? Text(JsonElement body, string name, List<Fault> faults)
    {
        if (body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxText } text)
        {
            return text;
        }

        faults.Add(new("required", "A text of 1 to 4,000 characters is needed.", "/" + name));
        return null;
    }

    private static WitnessView View(Witness witness) => new(
        witness.Name,
        $"{witness.Key}",
        witness.PostQuantumKey is { } second ? $"{second}" : null,
        $"{witness.Url}",
        witness.Known,
        witness.Refusal is { } refusal
            ? new(
                WitnessSentences.Kind(refusal),
                refusal.Status,
                refusal.Known,
                refusal.Size,
                refusal.Since,
                WitnessSentences.Message(refusal),
                WitnessSentences.NextStep(refusal))
            : null);

    private static async Task AnswerAsync(HttpContext context, HeadWitnessing witnessing, LogKeys keys) => await JsonAnswer.WriteAsync(
        context,
        200,
        new Answer(
            keys.HeadsOrigin,
            $"{keys.Find(null)}",
            keys.All(null) is [_, var second, ..] ? $"{second}" : null,
            [.. (await witnessing.ListAsync(context.RequestAborted)).Select(View)]),
        context.RequestAborted);

    /// <param name="Signed">The size of the log of heads that it signed last.</param>
    /// <param name="Refusal">Null when it signed what it was asked last.</param>
    private sealed record WitnessView(string Name, string Vkey, string? PostQuantumVkey, string Url, long Signed, RefusalView? Refusal);

    private sealed record RefusalView(
        string Kind, int? Status, long Known, long Size, DateTimeOffset Since, string Message, string NextStep);

    /// <param name="PostQuantumLogKey">Null where the installation's OpenSSL lacks ML-DSA-44.</param>
    private sealed record Answer(string Origin, string LogKey, string? PostQuantumLogKey, IReadOnlyList<WitnessView> Witnesses);
}
