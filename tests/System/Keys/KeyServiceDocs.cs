using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Launcher;

namespace Bulkhead.Tests.System.Keys;

/// <summary>What is written for who brings a key service: the sample's commands, and the vector of the protocol.</summary>
public sealed partial class KeyServiceDocs
{
    [Fact]
    public async Task The_commands_of_the_samples_readme_work_as_they_stand()
    {
        var parent = Directory.CreateTempSubdirectory("bh-held-readme-").FullName;
        var readme = new Readme(parent);
        try
        {
            await readme.RunAsync("publish");
            await readme.RunAsync("withdraw");
            using var key = SecretKey.Random();
            var context = HeldKeyContext.Of(readme.Tenant, "rows", 1).Memory;
            byte[] wrapped;
            using (var server = await readme.StartAsync())
            {
                using var store = readme.Store(server.Port, 1);
                wrapped = await store.WrapAsync(1, key, context, default);
                await TenantHeldKeysTests.FaultAsync(store, KeyStoreFaultKind.Withdrawn, wrapped, context);
                await readme.RunAsync("grant");
                using var back = await store.UnwrapAsync(1, wrapped, context, default);
                Assert.Equal(key.Bytes, back.Bytes);

                await readme.RunAsync("new-key");
                using var both = readme.Store(server.Port, 2);
                await both.CheckAsync(1, default);
                await both.CheckAsync(2, default);
                await readme.RunAsync("renew");
            }

            using var again = await readme.StartAsync();
            using var renewed = readme.Store(again.Port, 2);
            await renewed.CheckAsync(1, default);
        }
        finally
        {
            Directory.Delete(parent, recursive: true);
        }
    }

    [Fact]
    public async Task The_vector_of_the_protocol_opens_with_the_sample()
    {
        var docs = await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", "key-service.md"));
        var vector = JsonDocument.Parse(Vector().Match(docs).Groups[1].Value).RootElement;
        var service = new KeyServiceProcess { Tenant = new TenantId(vector.GetProperty("tenant").GetGuid()) };
        try
        {
            await service.InitializeAsync();
            using var own = ECDiffieHellman.Create();
            own.ImportPkcs8PrivateKey(Bytes("privateKey"), out _);
            var id = vector.GetProperty("key").GetString()!;
            await File.WriteAllTextAsync(Path.Combine(service.Folder, "keys", id + ".pem"), own.ExportPkcs8PrivateKeyPem());

            var associated = HeldKeyContext.Of(
                service.Tenant, vector.GetProperty("purpose").GetString()!, vector.GetProperty("version").GetInt32()).Memory;
            Assert.Equal(Bytes("associated"), associated.ToArray());
            Assert.Equal(RecipientKey.SealedLength, Bytes("wrapped").Length);
            using var store = service.Store(service.Registration() with { Keys = [new HeldKey(1, own.ExportSubjectPublicKeyInfoPem())] });
            using var key = await store.UnwrapAsync(1, Bytes("wrapped"), associated, default);
            Assert.Equal(Bytes("unwrapped"), key.Bytes.ToArray());
            Assert.Equal(id, service.Log()[^1].GetProperty("key").GetString());
        }
        finally
        {
            await service.DisposeAsync();
        }

        byte[] Bytes(string name) => Base64Url.DecodeFromChars(vector.GetProperty(name).GetString());
    }

    [GeneratedRegex("```json vector\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Vector();

    [GeneratedRegex("```bash run\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    private sealed class Readme(string parent)
    {
        private readonly List<string> _blocks =
        [
            .. Block().Matches(File.ReadAllText(Path.Combine(RunningProgram.Root, "samples", "key-service", "README.md")))
                .Select(m => m.Groups[1].Value),
        ];

        public TenantId Tenant { get; } = TenantId.New();

        private string Folder => Path.Combine(parent, "folder");

        public async Task RunAsync(string command)
        {
            using var process = Start(command);
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));
            Assert.True(process.ExitCode == 0, $"{command}: {await output}{await error}");
        }

        public async Task<Running> StartAsync()
        {
            var process = Start(" run ");
            var ready = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
            Assert.StartsWith("ready https://", ready, StringComparison.Ordinal);
            _ = process.StandardOutput.ReadToEndAsync();
            return new Running(process, int.Parse(ready!.Split(':')[^1], global::System.Globalization.CultureInfo.InvariantCulture));
        }

        /// <param name="keys">How many keys the folder must hold by now; the roots are in no order that matters.</param>
        public TenantHeldKeys Store(int port, int keys)
        {
            var files = Directory.GetFiles(Path.Combine(Folder, "keys"), "*.pub.pem").OrderBy(File.GetLastWriteTimeUtc).ToList();
            Assert.Equal(keys, files.Count);
            var client = File.ReadAllText(Path.Combine(Folder, "platform.pem"));
            var registration = new TenantHeldKeyRegistration
            {
                Tenant = Tenant,
                Url = $"https://localhost:{port}",
                ServerCa = File.ReadAllText(Path.Combine(Folder, "ca.pem")),
                Keys = [.. files.Select((f, i) => new HeldKey(i + 1, File.ReadAllText(f)))],
                ClientCertificate = X509Certificate2.CreateFromPem(client).ExportCertificatePem(),
                ClientKey = client.AsMemory(),
            };
            var options = new TenantHeldKeyOptions { AllowPrivateAddresses = true, Timeout = TimeSpan.FromSeconds(10) };
            return new TenantHeldKeys(registration, options, TimeProvider.System);
        }

        private Process Start(string command)
        {
            var script = _blocks[0] + Assert.Single(_blocks.Skip(1), b => b.Contains(command, StringComparison.Ordinal));
            var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script])
            {
                WorkingDirectory = RunningProgram.Root,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["PROGRAM"] = Path.Combine(parent, "program");
            start.Environment["FOLDER"] = Folder;
            start.Environment["TENANT"] = Tenant.ToString();
            start.Environment["PORT"] = "0";
            // No build server stays behind.
            start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
            start.Environment["UseSharedCompilation"] = "false";
            return Process.Start(start)!;
        }
    }

    private sealed record Running(Process Process, int Port) : IDisposable
    {
        public void Dispose()
        {
            Process.Kill(entireProcessTree: true);
            Process.WaitForExit();
            Process.Dispose();
        }
    }
}
