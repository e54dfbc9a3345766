using System.Diagnostics;
using System.Runtime.InteropServices;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Tests.System.Keys;

/// <summary>A test on a real token of SoftHSM; reported as skipped, with the next step, where there is none. CI installs it.</summary>
public sealed class SoftHsmFactAttribute : FactAttribute
{
    public SoftHsmFactAttribute()
    {
        if (!File.Exists(SoftHsm.Library))
        {
            Skip = "SoftHSM is not here. Next step: apt-get install softhsm2";
        }
    }
}

/// <inheritdoc cref="SoftHsmFactAttribute"/>
public sealed class SoftHsmTheoryAttribute : TheoryAttribute
{
    public SoftHsmTheoryAttribute() => Skip = new SoftHsmFactAttribute().Skip;
}

/// <summary>
/// SoftHSM with a token for each that needs one of its own. It reads where its tokens are from the environment of the process when it
/// is initialized, so there is one for all tests.
/// </summary>
public sealed class SoftHsm : IDisposable
{
    public const string Name = "one SoftHSM for all";
    public const string Library = "/usr/lib/softhsm/libsofthsm2.so";
    public const string Pin = "correct-horse-7";

    public const string Roots = "roots";
    public const string Lost = "lost";
    public const string Renewed = "renewed";
    public const string Hanging = "hanging";
    public const string Refused = "refused";
    public const string Twin = "twin";
    public const string Vault = "vault";

    public SoftHsm()
    {
        if (!File.Exists(Library))
        {
            return;
        }

        Directory.CreateDirectory(Tokens);
        var settings = Path.Combine(Folder, "softhsm2.conf");
        File.WriteAllText(settings, $"directories.tokendir = {Tokens}\nobjectstore.backend = file\nlog.level = ERROR\n");
        // .NET's own environment is a copy: the library reads the one of C.
        Assert.Equal(0, setenv("SOFTHSM2_CONF", settings, 1));
        foreach (var label in new[] { Roots, Lost, Renewed, Hanging, Refused, Twin, Twin, Vault })
        {
            Initialize(label);
        }
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("bh-hsm-").FullName;

    public string Tokens => Path.Combine(Folder, "tokens");

    public Pkcs11Options Options(string token, string pin = Pin)
    {
        var file = Path.Combine(Folder, $"pin-{Guid.CreateVersion7():N}");
        File.WriteAllText(file, pin + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new Pkcs11Options { Library = Library, TokenLabel = token, PinFile = file };
    }

    internal Pkcs11KeyStore Store(string token) => new(Options(token), TimeProvider.System);

    /// <summary>Folder of the one token that has the label.</summary>
    public string FolderOf(string label) => Directory.GetDirectories(Tokens).Single(folder =>
        File.ReadAllBytes(Path.Combine(folder, "token.object")).AsSpan().IndexOf(global::System.Text.Encoding.ASCII.GetBytes(label.PadRight(32))) >= 0);

    public void Initialize(string label) =>
        Run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", Pin, "--so-pin", "security-officer");

    /// <summary>In another process, as another user of the token.</summary>
    public string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOFTHSM2_CONF"] = Path.Combine(Folder, "softhsm2.conf");
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int setenv(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}

[CollectionDefinition(SoftHsm.Name)]
public sealed class OneSoftHsm : ICollectionFixture<SoftHsm>;
