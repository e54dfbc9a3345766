using System.CommandLine;
using Bulkhead.Host.Cli;
using Bulkhead.Host.Import;
using Bulkhead.Host.Local;

var root = new RootCommand("Bulkhead: every customer of your software in a watertight compartment of its own.")
{
    UpCommand.Build(),
    DownCommand.Build(),
    ResetCommand.Build(),
    StatusCommand.Build(),
    TokenCommand.Build(),
    TenantCommands.Build(),
    AppCommands.Build(),
    KeysCommands.Build(),
    AuditCommands.Build(),
    WitnessesCommands.Build(),
    WitnessCommand.Build(),
    new Command("data", "Data of a tenant: import")
    {
        ImportCommand.Build(),
    },
    LauncherCommand.Build("test", "Checks everything (--tier test|ci|soak)"),
    LauncherCommand.Build("bench", "Measures; writes bench/results"),
};
root.Add(Output.Json);
root.Add(Output.Data);

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    // On stderr, all of it: what a caller captures from stdout is data.
    return Output.Misunderstood(parsed);
}

return await Output.GuardAsync(() => parsed.InvokeAsync(new InvocationConfiguration
{
    EnableDefaultExceptionHandler = false,
    // `up` stops in its own order; the other commands get two seconds after Ctrl-C.
    ProcessTerminationTimeout = parsed.CommandResult.Command.Name == "up" ? null : TimeSpan.FromSeconds(2),
}));
