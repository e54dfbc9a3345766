using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Apps;

/// <summary><c>POST /operator/v1/apps/plan</c>: what deploying the manifest would do. Changes nothing.</summary>
internal static class PlanApp
{
    internal static async Task HandleAsync(
        HttpContext context, Authentication authentication, Catalogue catalogue, AppCatalogue apps)
    {
        if (await authentication.OperatorAsync(context) is null
            || await SubmittedManifest.FlagAsync(context, null, context.RequestAborted) is null
            || await SubmittedManifest.ReadAsync(context, context.RequestAborted) is not { } model)
        {
            return;
        }

        var from = apps.Newest(model.Name);
        var plan = From(from, model);
        var tenants = catalogue.Current.Tenants.Values.Count(t => t.App == model.Name);
        var answer = new Answer(
            model.Name,
            from?.Version,
            model.Version,
            plan.Lines,
            plan.Losses,
            [.. plan.Refusals.Concat(VersionRefusal(from, model) is { } refusal ? [refusal] : Array.Empty<string>())],
            plan.Steps.Length,
            tenants);
        await JsonAnswer.WriteAsync(context, 200, answer, context.RequestAborted);
    }

    /// <summary>The plan from the newest version in force, or of a new app.</summary>
    internal static SchemaPlanResult From(AppModel? from, AppModel to) => from is null
        ? new(
            SchemaPlan.Create(to),
            [.. to.Entities.Select(e => $"add entity {e.Name} with {e.Fields.Length} fields")],
            [],
            [])
        : SchemaPlan.Between(from, to);

    /// <summary>Null when the version may be deployed: a higher one, or the one in force unchanged.</summary>
    internal static string? VersionRefusal(AppModel? newest, AppModel model) =>
        newest is null || model.Version > newest.Version || IsInForce(newest, model) ? null
        : model.Version == newest.Version
            ? $"Version {model.Version} is in force with another manifest: raise 'version' to {newest.Version + 1}."
            : $"Version {newest.Version} is in force: raise 'version' to {newest.Version + 1}.";

    internal static bool IsInForce(AppModel? newest, AppModel model) =>
        newest?.Version == model.Version && newest.Manifest == model.Manifest;

    /// <param name="From">The newest version in force, null for a new app.</param>
    /// <param name="Losses">Those of the lines that need <c>allowLoss=true</c>.</param>
    /// <param name="Refusals">What no flag allows.</param>
    /// <param name="Steps">Statements of DDL per home of tenants.</param>
    /// <param name="Tenants">How many have the app.</param>
    private sealed record Answer(
        string App,
        int? From,
        int To,
        IReadOnlyList<string> Lines,
        IReadOnlyList<string> Losses,
        IReadOnlyList<string> Refusals,
        int Steps,
        int Tenants);
}
