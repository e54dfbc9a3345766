using System.CommandLine;
using System.Text.Json.Nodes;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Host.Cli;

/// <summary><c>app new|validate|plan|deploy</c>.</summary>
internal static class AppCommands
{
    public static Command Build() =>
        new("app", "Apps: a new manifest, check it, plan it, deploy it") { New(), Validate(), Plan(), AppDeployCommand.Build() };

    public static Argument<FileInfo> ManifestArgument() => new("FILE")
    {
        Description = "The manifest",
        DefaultValueFactory = _ => new FileInfo("app.yaml"),
    };

    public static string Read(FileInfo file) => file.Exists
        ? File.ReadAllText(file.FullName)
        : throw new ApiFault(ExitCode.Failed, [$"{file} is not there: make one with ./bulkhead app new NAME"]);

    private static Command New()
    {
        var name = new Argument<string>("NAME") { Description = "Name of the app: 2 to 31 of a-z, 0-9 and '-'" };
        var file = new Option<FileInfo>("--file") { Description = "Where to write", HelpName = "FILE", DefaultValueFactory = _ => new("app.yaml") };
        var command = new Command("new", "Writes a small manifest to begin with") { name, file };
        command.SetAction(result =>
        {
            var target = result.GetRequiredValue(file);
            if (!ManifestTemplate.IsName(result.GetRequiredValue(name)))
            {
                Output.Message($"'{result.GetRequiredValue(name)}' is no name for an app: 2 to 31 of a-z, 0-9 and '-', beginning with a letter");
                return ExitCode.Usage;
            }

            if (target.Exists)
            {
                Output.Message($"{target} is there already: name another with --file");
                return ExitCode.Failed;
            }

            var schema = Path.GetRelativePath(target.DirectoryName!, Path.Combine(Output.Home(), "docs", "app.schema.json"));
            File.WriteAllText(target.FullName, ManifestTemplate.Create(result.GetRequiredValue(name), schema));
            Output.Write(result, new { file = target.FullName }, _ => Console.WriteLine($"wrote {target}"));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Validate()
    {
        var file = ManifestArgument();
        var command = new Command("validate", "Checks a manifest without a server; prints every fault with line and column") { file };
        command.SetAction(result =>
        {
            var manifest = result.GetRequiredValue(file);
            var compiled = ManifestCompiler.Compile(Read(manifest));
            Output.Write(result, new { valid = compiled.Model is not null, faults = compiled.Faults }, found =>
            {
                if (found.valid)
                {
                    Console.WriteLine($"{manifest} is valid: {compiled.Model!.Entities.Length} entities, {compiled.Model.Roles.Count} roles");
                }

                // As compilers write them, so that editors jump to the place.
                foreach (var fault in found.faults)
                {
                    Console.WriteLine(FormattableString.Invariant($"{manifest}:{fault.Line}:{fault.Column}: {fault.Message} [{fault.Code}]"));
                }
            });
            return compiled.Model is null ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static Command Plan()
    {
        var file = ManifestArgument();
        var command = new Command("plan", "What deploying the manifest would change; changes nothing") { file };
        command.SetAction(async (result, cancellationToken) =>
        {
            var text = Read(result.GetRequiredValue(file));
            var credentials = ClientCredentials.Operator(result);
            using var client = new ApiClient(credentials);
            var answer = await client.PostAsync(credentials.Url("operator/v1/apps/plan"), text, "application/yaml", cancellationToken);
            Output.Write(result, answer, Show);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Show(JsonNode plan)
    {
        Console.WriteLine($"{plan["app"]}: version {plan["from"]?.ToString() ?? "none"} to {plan["to"]}, {plan["tenants"]} tenants");
        Lines(plan["lines"], "  ");
        Lines(plan["losses"], "  loses data, needs --allow-loss: ");
        Lines(plan["refusals"], "  refused: ");
    }

    private static void Lines(JsonNode? lines, string prefix)
    {
        foreach (var line in lines as JsonArray ?? [])
        {
            Console.WriteLine($"{prefix}{line}");
        }
    }
}
