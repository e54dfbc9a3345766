using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using Samples.KeyService;

const string Usage = """
    key-service init --folder F --tenant UUID [--host NAME]   makes the key, a CA and the certificates of both sides
    key-service run --folder F [--port 8443] [--listen IP]    answers, until it is stopped
    key-service withdraw --folder F                           refuses every unwrap from now on
    key-service grant --folder F                              answers again
    key-service new-key --folder F                            one more key; the old one still opens what was wrapped to it
    key-service renew --folder F [--host NAME]                new certificates of both sides, under the same CA
    """;

var options = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 1; i < args.Length; i += 2)
{
    if (!args[i].StartsWith("--", StringComparison.Ordinal) || i + 1 == args.Length || !options.TryAdd(args[i][2..], args[i + 1]))
    {
        return Refuse(Usage);
    }
}

var (required, optional) = args.FirstOrDefault() switch
{
    "init" => (new[] { "folder", "tenant" }, new[] { "host" }),
    "run" => (["folder"], ["port", "listen"]),
    "withdraw" or "grant" or "new-key" => (["folder"], []),
    "renew" => (["folder"], ["host"]),
    _ => ([], []),
};
if (required.Length == 0 || !required.All(options.ContainsKey) || !options.Keys.All(k => required.Contains(k) || optional.Contains(k)))
{
    return Refuse(Usage);
}

var folder = new KeyFolder(options["folder"]);
var host = options.GetValueOrDefault("host", "localhost");
try
{
    switch (args[0])
    {
        case "init":
            if (!Guid.TryParseExact(options["tenant"], "D", out var tenant))
            {
                return Refuse("--tenant takes the id of your tenant: a UUID, as the platform shows it");
            }

            var first = folder.Create(tenant);
            Certificates.Create(folder, host);
            Console.WriteLine($"key {first}");
            Console.WriteLine($"Register these three with the platform: {folder.PublicKeyOf(first)}, {folder.Ca}, {folder.PlatformPem}");
            return 0;
        case "new-key":
            var id = folder.AddKey();
            Console.WriteLine($"key {id}");
            Console.WriteLine($"Register it with the platform: {folder.PublicKeyOf(id)}");
            return 0;
        case "renew":
            Certificates.Renew(folder, host);
            Console.WriteLine($"Register it with the platform: {folder.PlatformPem}. Then start the service again.");
            return 0;
        case "withdraw":
            folder.IsWithdrawn = true;
            Console.WriteLine("Withdrawn. The platform's own cache of keys empties within its stated time.");
            return 0;
        case "grant":
            folder.IsWithdrawn = false;
            Console.WriteLine("Granted.");
            return 0;
        default:
            if (!ushort.TryParse(options.GetValueOrDefault("port", "8443"), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
                || !IPAddress.TryParse(options.GetValueOrDefault("listen", "0.0.0.0"), out var address))
            {
                return Refuse("--port is 0 to 65535 (0: any that is free), --listen an IP address");
            }

            await Server.RunAsync(folder, options.ContainsKey("listen") ? address : null, port);
            return 0;
    }
}
catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or InvalidOperationException)
{
    return Refuse(fault.Message);
}

static int Refuse(string reason)
{
    Console.Error.WriteLine(reason);
    return 2;
}
