using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Import;

/// <summary><c>bulkhead data import</c>: CSV files into a tenant, as its own client and through the API.</summary>
internal static class ImportCommand
{
    /// <returns>The subcommand <c>import</c> of <c>data</c>.</returns>
    public static Command Build()
    {
        var tenant = new Option<string>("--tenant") { Required = true, Description = "Slug of the tenant" };
        var map = new Option<FileInfo>("--map")
        {
            Required = true,
            Description = "Mapping file; docs/import-mapping.md says how to write one",
            HelpName = "FILE",
        };
        var from = new Option<DirectoryInfo>("--from")
        {
            Required = true,
            Description = "Directory of the CSV files",
            HelpName = "DIR",
        };
        var only = new Option<string[]>("--only")
        {
            Description = "Import only this file of the mapping; may be repeated",
            HelpName = "NAME",
        };
        var rejects = new Option<FileInfo>("--rejects")
        {
            Description = "Where rows go that could not be imported; written only when there are some",
            HelpName = "FILE",
            DefaultValueFactory = _ => new FileInfo("rejects.csv"),
        };
        var role = new Option<string>("--role")
        {
            Description = "Role of the client to import as; it has to create every mapped entity",
            DefaultValueFactory = _ => "admin",
        };

        var command = new Command(
            "import",
            """
            Import CSV files through a mapping. Run again it changes nothing; killed, run it again to go on.
            Exit codes: 0 all rows are in, 1 failed, 2 wrong mapping or usage, 3 refused by the server,
            4 not reachable, 5 some rows were rejected.
            """) { tenant, map, from, only, rejects, role };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var mapFile = parsed.GetRequiredValue(map);
            var mapping = ReadMapping(mapFile, parsed.GetValue(only) ?? []);
            if (mapping is null)
            {
                return ExitCode.Usage;
            }

            if (!parsed.GetRequiredValue(from).Exists)
            {
                Output.Message($"--from {parsed.GetRequiredValue(from)}: there is no such folder");
                return ExitCode.Usage;
            }

            var slug = parsed.GetRequiredValue(tenant);
            var time = TimeProvider.System;
            var credentials = ClientCredentials.Tenant(parsed, slug, parsed.GetRequiredValue(role));
            using var client = new ImportClient(credentials, time);
            using var rejected = new RejectsFile(parsed.GetRequiredValue(rejects).FullName);
            var run = new ImportRun(mapping, parsed.GetRequiredValue(from).FullName, client, rejected, time);
            try
            {
                var described = await client.DescribeAsync(cancellationToken);
                var faults = run.Check().Concat(ServerFields.Check(mapping, described));
                rejected.DropEarlier();
                return Tell(mapFile, [.. faults.OrderBy(fault => (fault.Place.Line, fault.Place.Column))])
                    ? ExitCode.Usage
                    : await RunAsync(run, rejected, slug, parsed, time, cancellationToken);
            }
            catch (ImportFault fault)
            {
                Output.Message(fault.Message);
                Output.Message("What was acknowledged is in: run the same command again to go on.");
                return !fault.Reachable ? ExitCode.NotReachable
                    : fault.Status is >= 400 and < 500 ? ExitCode.Refused
                    : ExitCode.Failed;
            }
        });
        return command;
    }

    /// <returns>Null when the faults were told.</returns>
    private static Mapping? ReadMapping(FileInfo file, string[] only)
    {
        if (!file.Exists || file.Length > MappingReader.MaxLength)
        {
            Output.Message(file.Exists ? $"{file} is longer than 1 MiB." : $"{file} is not there.");
            return null;
        }

        var (mapping, faults) = MappingReader.Read(File.ReadAllText(file.FullName));
        if (mapping is null)
        {
            Tell(file, faults);
            return null;
        }

        var unknown = only.Where(name => mapping.Files.All(mapped => mapped.File != name)).ToList();
        unknown.ForEach(name => Output.Message($"--only {name}: the mapping has no such file."));
        return unknown.Count > 0 ? null
            : only.Length == 0 ? mapping
            : mapping with { Files = [.. mapping.Files.Where(mapped => only.Contains(mapped.File))] };
    }

    /// <summary>One line a fault, as compilers write them, so that editors jump to the place.</summary>
    private static bool Tell(FileInfo file, ImmutableArray<MappingFault> faults)
    {
        foreach (var fault in faults)
        {
            Output.Message(string.Create(
                CultureInfo.InvariantCulture,
                $"{file}:{fault.Place.Line}:{fault.Place.Column}: {fault.Message} [{fault.Code}]"));
        }

        return faults.Length > 0;
    }

    private static async Task<int> RunAsync(
        ImportRun run,
        RejectsFile rejects,
        string tenant,
        ParseResult parsed,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var onTerminal = !parsed.GetValue(Output.Json) && !Console.IsErrorRedirected;
        var summary = await ImportProgress.ShowAsync(run, onTerminal, time, cancellationToken);
        var rejectsFile = rejects.IsOpen ? rejects.Path : null;
        Output.Write(
            parsed,
            new { tenant, summary.Files, summary.Rows, summary.Rejected, summary.Seconds, rejectsFile },
            _ => WriteTable(summary));
        if (rejectsFile is not null)
        {
            Output.Message($"{summary.Rejected} rows were rejected: {rejectsFile}");
        }

        return summary.Rejected == 0 ? ExitCode.Done : ExitCode.PartlyDone;
    }

    private static void WriteTable(ImportSummary summary)
    {
        var rows = summary.Files
            .Select(file => Row(file.File, file.Into, file.Rows, file.Created, file.Existing, file.Rejected))
            .Append(Row(
                "total",
                "",
                summary.Rows,
                summary.Files.Sum(file => file.Created),
                summary.Files.Sum(file => file.Existing),
                summary.Rejected));
        Output.Table(["file", "into", "rows", "created", "existing", "rejected"], rows);
        var rate = summary.Rows / Math.Max(summary.Seconds, 0.001);
        Output.Message(string.Create(CultureInfo.InvariantCulture, $"{summary.Seconds:0.0} s, {rate:0} rows/s"));

        static string[] Row(string file, string into, params ReadOnlySpan<long> numbers) =>
            [file, into, .. numbers.ToArray().Select(n => n.ToString(CultureInfo.InvariantCulture))];
    }
}
