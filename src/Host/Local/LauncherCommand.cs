using System.CommandLine;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary>A command that the launcher runs itself, since it works on the sources; here for the help and for who starts the program directly.</summary>
internal static class LauncherCommand
{
    public static Command Build(string name, string description)
    {
        var command = new Command(name, description);
        command.SetAction(_ =>
        {
            Output.Message($"{name} needs the sources: run ./bulkhead {name} in a clone");
            return ExitCode.Usage;
        });
        return command;
    }
}
