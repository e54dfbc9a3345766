using System.CommandLine;
using Bulkhead.Host.Cli;

namespace Bulkhead.Host.Local;

/// <summary><c>up</c>: everything runs, and says where and what to try; until Ctrl-C, SIGTERM or <c>down</c>.</summary>
internal static class UpCommand
{
    public const int DefaultPort = 8080;

    public static Command Build()
    {
        var port = new Option<int>("--port")
        {
            Description = "Port on 127.0.0.1 and ::1; 0 takes a free one",
            HelpName = "PORT",
            DefaultValueFactory = _ => DefaultPort,
        };
        port.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && (!ushort.TryParse(result.Tokens[0].Value, out _)))
            {
                result.AddError("--port wants a number from 0 to 65535");
            }
        });
        var role = new Option<string>("--role")
        {
            Description = "What this process does: all (gateway, api and worker on machines of their own come later)",
            HelpName = "ROLE",
            DefaultValueFactory = _ => "all",
        };
        role.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && result.Tokens[0].Value != "all")
            {
                result.AddError($"--role {result.Tokens[0].Value}: only the role 'all' exists so far; the others come later");
            }
        });
        var dev = new Option<bool>("--dev")
        {
            Description = "Offer tokens to the start page, to this machine only; always so with the private PostgreSQL",
        };
        var hsm = new Option<bool>("--hsm")
        {
            Description = "Make new root keys in an HSM, for a trial one of SoftHSM; said once, and remembered",
        };
        var command = new Command("up", "Starts PostgreSQL and the server; prints where, and what to try") { port, role, dev, hsm };
        command.SetAction(async (result, _) =>
        {
            using var signals = new StopSignals();
            try
            {
                return await new Up(result, result.GetValue(port), result.GetValue(dev), result.GetValue(hsm), signals).RunAsync();
            }
            catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
            {
                Output.Message("stopped before it was ready");
                return ExitCode.Done;
            }
        });
        return command;
    }
}

/// <summary>A PostgreSQL of the operator's own: the app's credential, and the deployer's (null: it neither deploys nor onboards).</summary>
internal sealed record ExternalDatabase(string App, string? Deployer)
{
    public static ExternalDatabase? FromEnvironment()
    {
        var app = Environment.GetEnvironmentVariable("BULKHEAD_DATABASE");
        var deployer = Environment.GetEnvironmentVariable("BULKHEAD_DEPLOY_DATABASE");
        return (app, deployer) switch
        {
            (null or "", null or "") => null,
            (null or "", _) => throw new StartFault("BULKHEAD_DEPLOY_DATABASE is set without BULKHEAD_DATABASE, the app's credential"),
            _ => new ExternalDatabase(app, string.IsNullOrEmpty(deployer) ? null : deployer),
        };
    }
}
