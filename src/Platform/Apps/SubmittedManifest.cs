using System.Text;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Apps;

/// <summary>A manifest that an operator sends as the body of a request.</summary>
internal static class SubmittedManifest
{
    private static readonly string[] MediaTypes = ["application/yaml", "application/x-yaml", "text/yaml"];

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>Null when it was refused: then the problem, with every fault, has been written.</summary>
    internal static async Task<AppModel?> ReadAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (await LimitedBody.ReadAsync(context, ManifestYaml.MaxBytes, MediaTypes, cancellationToken) is not { } body)
        {
            return null;
        }

        string yaml;
        try
        {
            yaml = Strict.GetString(body.Span);
        }
        catch (DecoderFallbackException)
        {
            await ProblemResults.WriteAsync(
                context, 400, "invalid-body", "The manifest is not UTF-8.", null, cancellationToken);
            return null;
        }

        var result = ManifestCompiler.Compile(yaml);
        if (result.Model is null)
        {
            var faults = result.Faults
                .Select(f => new Fault(f.Code, f.Message) { Line = f.Line, Column = f.Column })
                .ToList();
            var detail = faults.Count == 1 ? "The manifest has a fault." : $"The manifest has {faults.Count} faults.";
            await ProblemResults.WriteAsync(context, 422, "invalid-manifest", detail, faults, cancellationToken);
        }

        return result.Model;
    }

    /// <summary>
    /// Refuses parameters other than the given flag. Null when refused: then the problem has been written.
    /// </summary>
    internal static async Task<bool?> FlagAsync(HttpContext context, string? name, CancellationToken cancellationToken)
    {
        var faults = new List<Fault>();
        var flag = false;
        foreach (var (key, values) in context.Request.Query)
        {
            if (key != name)
            {
                faults.Add(new("unknown-parameter", "There is no such parameter.", Parameter: ManifestText.Shown(key)));
            }
            else if (values is not ["true" or "false"])
            {
                faults.Add(new("invalid-parameter", "Write true or false, once.", Parameter: key));
            }
            else
            {
                flag = values[0] == "true";
            }
        }

        if (faults.Count == 0)
        {
            return flag;
        }

        await ProblemResults.WriteAsync(
            context, 400, faults[0].Code, "A parameter was refused.", faults, cancellationToken);
        return null;
    }
}
