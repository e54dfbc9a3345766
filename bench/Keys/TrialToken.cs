using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Bench.Keys;

/// <summary>
/// SoftHSM with tokens of the bench's own. It reads where they are from the environment of the process when it is first used, so there
/// is one for all parts. What it measures is the way to a token and the token's own cipher in software; an HSM has its own time.
/// </summary>
internal sealed class TrialToken
{
    public const string Missing =
        "**Nothing of this run was measured with an HSM**: SoftHSM is not here. Next step: `apt-get install softhsm2`";

    private readonly string _folder;
    private readonly string _library;
    private readonly string _pin = RandomNumberGenerator.GetHexString(32, lowercase: true);

    private TrialToken(string folder, string library)
    {
        _folder = folder;
        _library = library;
    }

    /// <returns>Null when SoftHSM is not installed.</returns>
    public static async Task<TrialToken?> PrepareAsync(string folder, CancellationToken cancellationToken)
    {
        var library = Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu*").Prepend("/usr/lib").Prepend("/usr/lib64")
            .Select(place => Path.Combine(place, "softhsm/libsofthsm2.so"))
            .FirstOrDefault(File.Exists);
        if (library is null)
        {
            return null;
        }

        var tokens = Directory.CreateDirectory(Path.Combine(folder, "tokens")).FullName;
        var settings = Path.Combine(folder, "softhsm2.conf");
        await File.WriteAllTextAsync(
            settings, $"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", cancellationToken);
        // .NET's own environment is a copy: the library reads the one of C, softhsm2-util gets .NET's.
        Environment.SetEnvironmentVariable("SOFTHSM2_CONF", settings);
        if (SetEnvironment("SOFTHSM2_CONF", settings, 1) != 0)
        {
            throw new InvalidOperationException("SOFTHSM2_CONF cannot be set.");
        }

        return new(folder, library);
    }

    /// <summary>Makes a token with the label.</summary>
    public async Task<Pkcs11Options> AddAsync(string label, CancellationToken cancellationToken)
    {
        await Programs.RunAsync(
            "softhsm2-util", ["--init-token", "--free", "--label", label, "--pin", _pin, "--so-pin", _pin], cancellationToken);
        var pinFile = Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{label}.pin"));
        await File.WriteAllTextAsync(pinFile, _pin, cancellationToken);
        File.SetUnixFileMode(pinFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new Pkcs11Options { Library = _library, TokenLabel = label, PinFile = pinFile };
    }

    [DllImport("libc", EntryPoint = "setenv"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetEnvironment(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
