using System.CommandLine;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>audit count</c>: how many entries are so, in one command: exports what is needed, has <c>bulkhead-verify</c> verify and count it, and
/// leaves the export, which is the answer's proof.
/// </summary>
internal static class AuditCountCommand
{
    public static Command Build(Option<string> tenant, Option<string> role)
    {
        var where = new Option<string[]>("--where")
        {
            Description = "NAME=VALUE or NAME~PREFIX, dotted into the entry: actor.kind=operator; all of several must hold", HelpName = "CONDITION", Required = true,
        };
        var by = new Option<string?>("--by") { Description = "Also how many of them have which value of this: actor.id", HelpName = "NAME" };
        var from = new Option<string?>("--from") { Description = "Acts from this date or instant in UTC on" };
        var until = new Option<string?>("--to", "--until") { Description = "Acts before this date or instant" };
        var file = new Option<FileInfo>("--out") { Description = "Where to leave the export that proves the answer", HelpName = "FILE", Required = true };
        var log = new Option<string[]>("--log") { Description = "The log's key that you noted; without it nobody vouches for the one in the export", HelpName = "VKEY" };
        var heads = new Option<string[]>("--heads") { Description = "The key of the log of heads", HelpName = "VKEY" };
        var witnesses = new Option<string?>("--witnesses") { Description = "Your policy of witnesses", HelpName = "FILE" };
        var command = new Command("count", "How many entries are so, verified, with the export that proves it")
        {
            tenant, role, where, by, from, until, file, log, heads, witnesses,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            var (begin, end, export) = (result.GetValue(from), result.GetValue(until), result.GetRequiredValue(file));
            var credentials = ClientCredentials.Tenant(result, result.GetRequiredValue(tenant), result.GetRequiredValue(role));
            await AuditDownload.SaveAsync(credentials, "export", [("at.gte", begin), ("at.lt", end)], export, cancellationToken);
            List<string> arguments = ["count", export.FullName];
            void Add(string option, params IEnumerable<string?> values) =>
                arguments.AddRange(values.OfType<string>().SelectMany(value => (string[])[option, value]));
            Add("--where", result.GetRequiredValue(where));
            Add("--where", begin is null ? null : $"at>={begin}", end is null ? null : $"at<{end}");
            Add("--by", result.GetValue(by));
            Add("--log", result.GetValue(log) ?? []);
            Add("--heads", result.GetValue(heads) ?? []);
            Add("--witnesses", result.GetValue(witnesses));
            if (result.GetValue(Output.Json))
            {
                arguments.Add("--json");
            }

            var code = await VerifierProcess.RunAsync(arguments, cancellationToken);
            Output.Message($"The proof of it is {export.FullName}: whoever has it counts for themselves, bulkhead-verify {string.Join(' ', arguments.Select(Quoted))}");
            return code;
        });
        return command;
    }

    private static string Quoted(string argument) => argument.AsSpan().ContainsAny(" <>~\"") ? $"'{argument}'" : argument;
}
