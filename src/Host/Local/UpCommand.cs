using System.CommandLine;
using Bulkhead.Host.Cli;
using Bulkhead.Kernel;

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
        var role = new Option<string?>("--role")
        {
            Description = "What this process does: all, api (serves) or worker (works in the background); BULKHEAD_ROLE, or all, unless given",
            HelpName = "ROLE",
        };
        role.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && !ProcessRoles.TryParse(result.Tokens[0].Value, out _))
            {
                result.AddError($"--role {UnknownRole(result.Tokens[0].Value)}");
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
                var local = new LocalRun(RoleOf(result.GetValue(role)), result.GetValue(port), result.GetValue(dev), result.GetValue(hsm));
                return await new Up(result, local, signals).RunAsync();
            }
            catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
            {
                Output.Message("stopped before it was ready");
                return ExitCode.Done;
            }
        });
        return command;
    }

    /// <summary>As the option says it, or the environment.</summary>
    private static ProcessRole RoleOf(string? given)
    {
        var word = given ?? Environment.GetEnvironmentVariable("BULKHEAD_ROLE");
        return string.IsNullOrEmpty(word) ? ProcessRole.All
            : ProcessRoles.TryParse(word, out var role) ? role
            : throw new StartFault($"BULKHEAD_ROLE={UnknownRole(word)}");
    }

    private static string UnknownRole(string word) => $"{word}: a role is all, api or worker";
}

/// <summary>What the command line says of a run.</summary>
internal sealed record LocalRun(ProcessRole Role, int Port, bool Dev, bool WithHsm);

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
