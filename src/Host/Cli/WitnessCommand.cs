using System.CommandLine;
using System.Globalization;
using Bulkhead.Host.Local;
using Bulkhead.Host.Witnessing;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>witness --log VKEY … --state DIR --port PORT</c>: signs the checkpoints of other installations' logs (C2SP tlog-witness), without a
/// database. Put a TLS proxy before it where it is not on the same machine.
/// </summary>
internal static class WitnessCommand
{
    private const int DefaultPort = 8090;

    public static Command Build()
    {
        var logs = new Option<string[]>("--log") { Description = "Verifier key of a log to witness; several by several", HelpName = "VKEY", Required = true };
        var state = new Option<DirectoryInfo>("--state") { Description = "Folder of its keys and of what it signed", HelpName = "DIR", Required = true };
        var name = new Option<string>("--name")
        {
            Description = "Its name for good: its keys are bound to it",
            DefaultValueFactory = _ => "bulkhead-witness",
        };
        var port = new Option<int>("--port") { Description = "Port on this machine; 0 takes a free one", DefaultValueFactory = _ => DefaultPort };
        port.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !ushort.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            {
                result.AddError("--port wants a number from 0 to 65535");
            }
        });
        var command = new Command("witness", "Witnesses the logs of other installations, so that nobody can show two histories") { logs, state, name, port };
        command.SetAction(async (result, _) =>
        {
            using var signals = new StopSignals();
            await RunAsync(
                [.. result.GetRequiredValue(logs).Select(Key)],
                result.GetRequiredValue(state).FullName,
                result.GetRequiredValue(name),
                result.GetRequiredValue(port),
                signals.Stop);
            return ExitCode.Done;
        });
        return command;
    }

    private static NoteKey Key(string vkey) => NoteKey.Parse(vkey) switch
    {
        { Kind: NoteSignatureKind.Ed25519 } key => key,
        { Kind: NoteSignatureKind.CosignatureMLDsa44 } key when PostQuantumSupport.HasMLDsa => key,
        { Kind: NoteSignatureKind.CosignatureMLDsa44 } key => throw new ApiFault(
            ExitCode.Usage,
            [$"The key of {key.Name} is of ML-DSA-44, which {PostQuantumSupport.OpenSsl} lacks. Next step: run on OpenSSL 3.5, or give its Ed25519 key"]),
        _ => throw new ApiFault(ExitCode.Usage, [$"'{vkey}' is no verifier key of a log: ./bulkhead witnesses list shows it"]),
    };

    private static async Task RunAsync(NoteKey[] logs, string folder, string name, int port, CancellationToken stop)
    {
        if (!NoteKey.IsName(name))
        {
            throw new ApiFault(ExitCode.Usage, ["A witness's name has 1 to 255 bytes, no spaces and no '+'"]);
        }

        using var state = new WitnessState(folder, name, logs, TimeProvider.System);
        var free = Port.Require(port);
        await using var app = WitnessServer.Build(state, free);
        await app.StartAsync(stop);
        var url = string.Create(CultureInfo.InvariantCulture, $"http://localhost:{free}/");
        foreach (var key in state.Keys)
        {
            Console.WriteLine($"{key}");
        }

        Console.WriteLine(url);
        Output.Message($"Witnessing {string.Join(", ", logs.Select(log => log.Name).Distinct())} at {url}");
        Output.Message(
            $"Next step, at the installation: ./bulkhead witnesses add {name.Split('/')[0]} {string.Join(' ', state.Keys.Select(key => $"--vkey '{key}'"))} --url {url}");
        await app.WaitForShutdownAsync(stop);
    }
}
