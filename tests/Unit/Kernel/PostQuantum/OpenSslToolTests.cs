using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

/// <summary>What we say to customers about OpenSSL's own tool, done with it.</summary>
public sealed class OpenSslToolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-openssl-");

    public void Dispose() => _folder.Delete(recursive: true);

    [PostQuantumFact]
    public async Task OpenSSLs_own_tool_verifies_both_signatures_of_a_receipt()
    {
        using var key = ReceiptKey.Generate();
        var signatures = new ReceiptSigning(requirePostQuantum: true).Sign(key, "receipt"u8);
        using var ecdsa = ECDsa.Create(P256.Public(key.PublicKey[1..66]));
        using var mlDsa = MLDsa.ImportMLDsaPublicKey(MLDsaAlgorithm.MLDsa65, key.PublicKey[66..]);
        await WriteAsync("data", "bulkhead/v1 receipt\necdsa-p256-sha256: present\nml-dsa-65: present\n\nreceipt"u8);
        await WriteAsync("ecdsa.sig", signatures.EcdsaP256);
        await WriteAsync("mldsa.sig", signatures.MLDsa65);
        await WriteAsync("ecdsa.der", ecdsa.ExportSubjectPublicKeyInfo());
#pragma warning disable SYSLIB5006 // The encoding of RFC 9881 was no RFC yet when .NET 10 was made; OpenSSL reads it, or this test fails.
        await WriteAsync("mldsa.der", mlDsa.ExportSubjectPublicKeyInfo());
#pragma warning restore SYSLIB5006

        string[] classical = ["dgst", "-sha256", "-verify", "ecdsa.der", "-keyform", "DER", "-signature", "ecdsa.sig", "data"];
        string[] postQuantum =
        [
            "pkeyutl", "-verify", "-pubin", "-inkey", "mldsa.der", "-keyform", "DER", "-rawin", "-in", "data", "-sigfile", "mldsa.sig",
            "-pkeyopt", "context-string:bulkhead/v1 receipt",
        ];
        Assert.Equal(0, (await RunAsync(classical)).ExitCode);
        Assert.Equal(0, (await RunAsync(postQuantum)).ExitCode);
        await WriteAsync("data", "bulkhead/v1 receipt\necdsa-p256-sha256: present\nml-dsa-65: present\n\nReceipt"u8);
        Assert.NotEqual(0, (await RunAsync(classical)).ExitCode);
        Assert.NotEqual(0, (await RunAsync(postQuantum)).ExitCode);
    }

    [PostQuantumFact]
    public async Task A_TLS_server_of_this_platform_agrees_on_X25519MLKEM768()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeOnceAsync(listener, certificate);
        var (exitCode, output) = await RunAsync(
            "s_client", "-connect", listener.LocalEndpoint.ToString()!, "-groups", "X25519MLKEM768", "-tls1_3");
        Assert.Equal(0, exitCode);
        Assert.Contains("Negotiated TLS1.3 group: X25519MLKEM768", output, StringComparison.Ordinal);
        await serving.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private static async Task ServeOnceAsync(TcpListener listener, X509Certificate2 certificate)
    {
        using var client = await listener.AcceptTcpClientAsync();
        await using var stream = new SslStream(client.GetStream());
        await stream.AuthenticateAsServerAsync(certificate);
        Assert.Equal(0, await stream.ReadAsync(new byte[1]));
    }

    private async Task WriteAsync(string name, ReadOnlyMemory<byte> bytes) =>
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, name), bytes);

    private Task WriteAsync(string name, ReadOnlySpan<byte> bytes) => WriteAsync(name, bytes.ToArray().AsMemory());

    private async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        using var tool = Process.Start(new ProcessStartInfo("openssl", arguments)
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        tool.StandardInput.Close();
        var errors = tool.StandardError.ReadToEndAsync();
        var output = await tool.StandardOutput.ReadToEndAsync();
        await tool.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        return (tool.ExitCode, output + await errors);
    }
}
