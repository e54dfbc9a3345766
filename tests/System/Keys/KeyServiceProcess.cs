using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;

namespace Bulkhead.Tests.System.Keys;

/// <summary>The sample key service as a process of its own, in a folder of its own, on a port that was free.</summary>
public sealed class KeyServiceProcess : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private Process? _run;

    public static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "../../KeyService", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "key-service"));

    public string Parent { get; } = Directory.CreateTempSubdirectory("bh-held-").FullName;

    public string Folder => Path.Combine(Parent, "folder");

    public TenantId Tenant { get; init; } = TenantId.New();

    public string KeyId { get; private set; } = "";

    public string Url { get; private set; } = "";

    public async Task InitializeAsync()
    {
        var made = await CommandAsync("init", "--folder", Folder, "--tenant", Tenant.ToString());
        Assert.Equal(0, made.Code);
        KeyId = made.Out.Split('\n')[0]["key ".Length..];
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(Parent, recursive: true);
    }

    /// <param name="samePort">Where it was before, so that a registration holds.</param>
    public async Task StartAsync(bool samePort = false)
    {
        var port = samePort ? new Uri(Url).Port : FreePort.Take();
        _run = Process.Start(new ProcessStartInfo(Program, ["run", "--folder", Folder, "--port", $"{port}", "--listen", "127.0.0.1"])
        {
            RedirectStandardOutput = true,
        })!;
        var ready = await _run.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        Assert.StartsWith("ready https://127.0.0.1:", ready, StringComparison.Ordinal);
        Url = $"https://localhost:{new Uri(ready!["ready ".Length..]).Port}";
        // Whoever does not read blocks the writer.
        _ = _run.StandardOutput.ReadToEndAsync();
    }

    public async Task KillAsync()
    {
        if (_run is not null)
        {
            _run.Kill();
            await _run.WaitForExitAsync().WaitAsync(Patience);
            _run.Dispose();
            _run = null;
        }
    }

    public async Task OrderAsync(string command, params string[] more) =>
        Assert.Equal(0, (await CommandAsync([command, "--folder", Folder, .. more])).Code);

    public static async Task<(int Code, string Out, string Error)> CommandAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await output, await error);
    }

    public string Read(string file) => File.ReadAllText(Path.Combine(Folder, file));

    /// <summary>How many requests the owner's log holds.</summary>
    public int Lines => File.Exists(Path.Combine(Folder, "unwraps.log")) ? Log().Count : 0;

    public IReadOnlyList<JsonElement> Log() =>
    [
        .. File.ReadAllLines(Path.Combine(Folder, "unwraps.log")).Select(l => JsonDocument.Parse(l).RootElement),
    ];

    internal TenantHeldKeyRegistration Registration() => new()
    {
        Tenant = Tenant,
        Url = Url,
        ServerCa = Read("ca.pem"),
        Keys = [new HeldKey(1, Read($"keys/{KeyId}.pub.pem"))],
        ClientCertificate = X509Certificate2.CreateFromPem(Read("platform.pem")).ExportCertificatePem(),
        ClientKey = Read("platform.pem").AsMemory(),
    };

    internal TenantHeldKeys Store(
        TenantHeldKeyRegistration? registration = null, TimeSpan? timeout = null, TimeProvider? time = null) => new(
        registration ?? Registration(),
        new TenantHeldKeyOptions { AllowPrivateAddresses = true, Timeout = timeout ?? TimeSpan.FromSeconds(10) },
        time ?? TimeProvider.System);
}
