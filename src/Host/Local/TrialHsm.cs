using System.Security.Cryptography;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Host.Local;

/// <summary>
/// An HSM to try things with: a token of SoftHSM in the data folder, with a PIN of its own. It shows how an installation with an HSM
/// behaves; it protects no better than the file key store does, since the token's files and its PIN lie in one folder, and it writes
/// them without waiting for the disk. SoftHSM has neither ML-KEM nor ML-DSA: seeds of those are wrapped by it and used in this process.
/// </summary>
internal sealed class TrialHsm(DataFolder folder)
{
    public const string TokenLabel = "bulkhead";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly TimeSpan LongestInitialization = TimeSpan.FromSeconds(30);

    /// <summary>This folder's installation keeps its roots in a token: said once with <c>--hsm</c>, and remembered.</summary>
    public bool IsChosen => File.Exists(SettingsFile);

    private string Home => folder.In("hsm");

    private string SettingsFile => Path.Combine(Home, "softhsm2.conf");

    private string PinFile => Path.Combine(Home, "pin");

    private string Tokens => Path.Combine(Home, "tokens");

    /// <summary>
    /// Makes what is missing. Harmless when repeated; goes on where it was killed. One program holds the folder. Roots that are files stay
    /// beside the token, and open what hangs on them until a rotation has moved it.
    /// </summary>
    /// <param name="wanted">Whether <c>--hsm</c> was given.</param>
    /// <returns>Null when the installation keeps its roots in files.</returns>
    public async Task<Pkcs11Options?> PrepareAsync(bool wanted, CancellationToken cancellationToken)
    {
        if (!wanted && !IsChosen)
        {
            return null;
        }

        var library = FindLibrary(Libraries());
        Directory.CreateDirectory(Home, OwnerOnly);
        // First of all: whatever ends us from here on, the next start keeps to it.
        DataFolder.WriteAtomically(SettingsFile, Settings(Tokens));
        if (!Directory.Exists(Tokens))
        {
            await InitializeAsync(cancellationToken);
        }
        else if (!File.Exists(PinFile))
        {
            throw new StartFault($"{PinFile} is missing, and without it the token is closed: put it back, or start over with " +
                "./bulkhead reset");
        }

        // Before the library is loaded, which looks there. .NET's own environment is a copy that it does not see.
        Posix.SetEnvironment("SOFTHSM2_CONF", SettingsFile);
        return new Pkcs11Options { Library = library, TokenLabel = TokenLabel, PinFile = PinFile };
    }

    /// <exception cref="StartFault">None of the files is there.</exception>
    internal static string FindLibrary(IEnumerable<string> candidates) =>
        candidates.FirstOrDefault(File.Exists) ?? throw Missing("its library libsofthsm2.so");

    // Beside and renamed: a token that is in its place has its PIN. The security officer's PIN is forgotten; who lost a trial starts over.
    private async Task InitializeAsync(CancellationToken cancellationToken)
    {
        var program = FindProgram(Environment.GetEnvironmentVariable("PATH") ?? "") ?? throw Missing("softhsm2-util");
        var fresh = Tokens + ".new";
        if (Directory.Exists(fresh))
        {
            Directory.Delete(fresh, recursive: true);
        }

        Directory.CreateDirectory(fresh, OwnerOnly);
        var settings = SettingsFile + ".new";
        DataFolder.WriteAtomically(settings, Settings(fresh));
        if (!File.Exists(PinFile))
        {
            DataFolder.WriteAtomically(PinFile, NewPin() + "\n");
        }

        // The PIN is seen for a moment in the list of processes: it opens nothing without the files of this folder, which is ours alone.
        var pin = (await File.ReadAllTextAsync(PinFile, cancellationToken)).TrimEnd();
        var result = await ChildProcess.RunAsync(
            program,
            ["--init-token", "--free", "--label", TokenLabel, "--pin", pin, "--so-pin", NewPin()],
            null,
            LongestInitialization,
            cancellationToken,
            ("SOFTHSM2_CONF", settings));
        if (!result.Succeeded)
        {
            throw new StartFault($"SoftHSM makes no token: {result.LastLine}");
        }

        Directory.Move(fresh, Tokens);
        File.Delete(settings);
    }

    internal static string? FindProgram(string path) => path
        .Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(place => Path.Combine(place, "softhsm2-util"))
        .FirstOrDefault(File.Exists);

    // Debian, with and without the processor's folder; Fedora; Alpine and Arch; built by hand.
    private static IEnumerable<string> Libraries()
    {
        const string name = "libsofthsm2.so";
        string[] places =
        [
            "/usr/lib",
            .. Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu*").Order(StringComparer.Ordinal),
            "/usr/lib64",
            "/usr/local/lib",
        ];
        return places.SelectMany<string, string>(place => [Path.Combine(place, "softhsm", name), Path.Combine(place, "pkcs11", name)]);
    }

    private static string Settings(string tokens) =>
        $"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n";

    private static string NewPin() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static StartFault Missing(string what) =>
        new($"--hsm needs SoftHSM, and {what} is missing: apt-get install softhsm2");
}
