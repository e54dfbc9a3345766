using System.CommandLine;
using System.Net;
using System.Text;
using Bulkhead.Host.Witnessing;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>witness --log VKEY … --state DIR --port PORT</c>: signs the checkpoints of other installations' logs (C2SP tlog-witness), without a
/// database. Put a TLS proxy before it where it is not on the same machine.
/// </summary>
internal static class WitnessCommand
{
    private const int MaxBody = 128 * 1024;
    private const int MaxConnections = 200;

    public static Command Build()
    {
        var logs = new Option<string[]>("--log") { Description = "Verifier key of a log to witness; several by several", HelpName = "VKEY", Required = true };
        var state = new Option<DirectoryInfo>("--state") { Description = "Folder of its key and of what it signed", HelpName = "DIR", Required = true };
        var name = new Option<string>("--name") { Description = "Its name", DefaultValueFactory = _ => "bulkhead-witness" };
        var port = new Option<int>("--port") { Description = "Port on this machine; 0 takes a free one", DefaultValueFactory = _ => 8090 };
        var command = new Command("witness", "Witnesses the logs of other installations, so that nobody can show two histories") { logs, state, name, port };
        command.SetAction((result, cancellationToken) => RunAsync(
            [.. result.GetRequiredValue(logs).Select(Key)],
            result.GetRequiredValue(state).FullName,
            result.GetRequiredValue(name),
            result.GetRequiredValue(port),
            cancellationToken));
        return command;
    }

    private static NoteKey Key(string vkey) => NoteKey.Parse(vkey) is { Kind: NoteSignatureKind.Ed25519 } key
        ? key
        : throw new ApiFault(ExitCode.Usage, [$"'{vkey}' is no verifier key of a log: ./bulkhead witnesses list shows it"]);

    private static async Task<int> RunAsync(
        IReadOnlyList<NoteKey> logs, string folder, string name, int port, CancellationToken cancellationToken)
    {
        if (!NoteKey.IsName(name))
        {
            throw new ApiFault(ExitCode.Usage, ["A witness's name has 1 to 255 characters, no spaces and no '+'"]);
        }

        using var state = new WitnessState(folder, name, logs, TimeProvider.System);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.MaxRequestBodySize = MaxBody;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            kestrel.AddServerHeader = false;
        });
        await using var app = builder.Build();
        app.MapPost("/add-checkpoint", async context =>
        {
            using var reader = new StreamReader(context.Request.Body, new UTF8Encoding(false, throwOnInvalidBytes: true));
            WitnessAnswer answer;
            try
            {
                answer = await state.AddAsync(await reader.ReadToEndAsync(context.RequestAborted), context.RequestAborted);
            }
            catch (DecoderFallbackException)
            {
                answer = new(400, "The body is not UTF-8.\n");
            }
            catch (BadHttpRequestException refused)
            {
                answer = new(refused.StatusCode, "The body is too large.\n");
            }

            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = answer.ContentType;
            await context.Response.WriteAsync(answer.Text, context.RequestAborted);
        });
        await app.StartAsync(cancellationToken);
        var url = app.Urls.First().TrimEnd('/') + "/";
        Console.WriteLine($"{state.Key}");
        Console.WriteLine(url);
        Output.Message($"Witnessing {string.Join(", ", logs.Select(log => log.Name))} at {url}");
        Output.Message($"Next step, at the installation: ./bulkhead witnesses add {name} --vkey '{state.Key}' --url {url}");
        await app.WaitForShutdownAsync(cancellationToken);
        return ExitCode.Done;
    }
}
