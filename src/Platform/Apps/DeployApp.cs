using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// <c>POST /operator/v1/apps?allowLoss=true</c>: puts the manifest into force for every tenant of the app. Repeating it
/// is harmless, and finishes what was interrupted.
/// </summary>
internal static class DeployApp
{
    internal static async Task HandleAsync(
        HttpContext context,
        Authentication authentication,
        Catalogue catalogue,
        AppCatalogue apps,
        Deployment deployment,
        ILogger<AppCatalogue> logger)
    {
        var cancellationToken = context.RequestAborted;
        if (await authentication.OperatorAsync(context) is not { } actor
            || await SubmittedManifest.FlagAsync(context, "allowLoss", cancellationToken) is not { } allowLoss
            || await SubmittedManifest.ReadAsync(context, cancellationToken) is not { } model)
        {
            return;
        }

        if (!deployment.IsAvailable)
        {
            await ProblemResults.WriteAsync(
                context, 503, "no-deployer",
                "This process has no deployer's credential: it cannot deploy.",
                null, cancellationToken);
            return;
        }

        await catalogue.RefreshAsync(cancellationToken);
        var newest = apps.Newest(model.Name);
        if (PlanApp.VersionRefusal(newest, model) is { } refusal)
        {
            await ProblemResults.WriteAsync(context, 409, "version-not-higher", refusal, null, cancellationToken);
            return;
        }

        var isNew = !PlanApp.IsInForce(newest, model);
        var plans = Older(catalogue.Current, apps, model, newest).Select(f => PlanApp.From(f, model)).ToList();
        if (!await IsAllowedAsync(context, plans, allowLoss, cancellationToken))
        {
            return;
        }

        logger.Deploying(model.Name, model.Version, "begun");
        try
        {
            await deployment.DeployAppAsync(
                actor,
                context.TraceIdentifier,
                new AppRelease(model.Name, model.Version, model.Manifest),
                release => Changes(release, model, allowLoss),
                new Reporting(line => logger.Deploying(model.Name, model.Version, line)),
                cancellationToken);
        }
        catch (DeploymentRefused refused)
        {
            await ProblemResults.WriteAsync(
                context,
                409,
                "plan-refused",
                "Records that exist do not allow the change. Change them first, then deploy again.",
                [new Fault("plan-refused", refused.Message)],
                cancellationToken);
            return;
        }

        logger.Deploying(model.Name, model.Version, "in force");

        var plan = PlanApp.From(newest, model);
        var answer = new Answer(
            model.Name,
            newest?.Version,
            model.Version,
            plan.Lines,
            plan.Losses,
            catalogue.Current.Tenants.Values.Count(t => t.App == model.Name && t.AppVersion == model.Version));
        await JsonAnswer.WriteAsync(context, isNew ? 201 : 200, answer, cancellationToken);
    }

    /// <summary>
    /// The newest version, and older ones that tenants were left at by a deployment that was interrupted.
    /// </summary>
    private static IEnumerable<AppModel?> Older(
        CatalogueSnapshot catalogue, AppCatalogue apps, AppModel model, AppModel? newest) =>
        catalogue.Tenants.Values
            .Where(t => t.App == model.Name && t.AppVersion < model.Version)
            .Select(t => t.AppVersion)
            .Distinct()
            .Select(v => apps.Find(model.Name, v))
            .Append(newest)
            .Distinct();

    private static async Task<bool> IsAllowedAsync(
        HttpContext context, List<SchemaPlanResult> plans, bool allowLoss, CancellationToken cancellationToken)
    {
        var refusals = plans.SelectMany(p => p.Refusals).Distinct(StringComparer.Ordinal).ToList();
        if (refusals.Count > 0)
        {
            await ProblemResults.WriteAsync(
                context,
                409,
                "plan-refused",
                "The change cannot be made to records that exist.",
                [.. refusals.Select(r => new Fault("plan-refused", r))],
                cancellationToken);
            return false;
        }

        var losses = plans.SelectMany(p => p.Losses).Distinct(StringComparer.Ordinal).ToList();
        if (losses.Count > 0 && !allowLoss)
        {
            await ProblemResults.WriteAsync(
                context,
                409,
                "data-loss",
                "The change would lose or break data. Repeat it with allowLoss=true (--allow-loss on the command line) if that is meant.",
                [.. losses.Select(l => new Fault("data-loss", l))],
                cancellationToken);
            return false;
        }

        return true;
    }

    /// <summary>
    /// Asked by the kernel for each home, in the transaction that migrates it: what throws here changes nothing there.
    /// </summary>
    private static ImmutableArray<SchemaChange> Changes(AppRelease release, AppModel model, bool allowLoss)
    {
        var from = ManifestCompiler.Compile(release.Manifest).Model
            ?? throw new InvalidOperationException(
                $"{release.Name}@{release.Version} no longer compiles: nothing can be planned from it.");
        var plan = SchemaPlan.Between(from, model);
        return plan.IsAllowed(allowLoss)
            ? plan.Steps
            : throw new InvalidOperationException(
                $"From {from.Label} to {model.Label} data would be lost, and that was not allowed.");
    }

    private sealed class Reporting(Action<string> report) : IProgress<string>
    {
        public void Report(string value) => report(value);
    }

    /// <param name="From">The version that was newest before, null for a new app.</param>
    /// <param name="Tenants">How many are at the version now.</param>
    private sealed record Answer(
        string App, int? From, int Version, IReadOnlyList<string> Lines, IReadOnlyList<string> Losses, int Tenants);
}
