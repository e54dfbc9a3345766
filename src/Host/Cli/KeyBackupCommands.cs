using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using Bulkhead.Host.Local;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.PostQuantum;

namespace Bulkhead.Host.Cli;

/// <summary>
/// <c>keys recovery-key|backup|recover</c>: of the file key store in the data folder, on the machine that holds it. They need no server.
/// </summary>
internal static class KeyBackupCommands
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static IEnumerable<Command> Build() => [RecoveryKey(), Backup(), Recover()];

    private static Command RecoveryKey()
    {
        var name = new Argument<FileInfo>("FILE") { Description = "File for the private key; the public one is put beside it, with .public at its end" };
        var command = new Command("recovery-key", "Makes a key pair for backups: its private part belongs in a safe") { name };
        command.SetAction(result =>
        {
            var file = result.GetRequiredValue(name);
            var (publicKey, privateKey, algorithm) = Guarded(() => Backups().MakeRecoveryKey());
            try
            {
                WriteNew(file.FullName, privateKey);
                WriteNew(file.FullName + ".public", publicKey);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(privateKey);
            }

            Output.Message($"Made for {algorithm}. Put {file.FullName} into a safe and take it off this machine; backups need {file.Name}.public only.");
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Backup()
    {
        var recipient = new Option<FileInfo>("--to") { Description = "Public recovery key", HelpName = "FILE", Required = true };
        var output = new Argument<FileInfo>("FILE") { Description = "Where to write the backup" };
        var command = new Command("backup", "Seals the roots of the file key store to a recovery key") { output, recipient };
        command.SetAction(result =>
        {
            var folder = result.DataFolder().KeyFolder;
            var key = Read(result.GetRequiredValue(recipient));
            var backup = Guarded(() => Backups().Make(folder, key, Settings().BackupRetention));
            WriteNew(result.GetRequiredValue(output).FullName, backup);
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Recover()
    {
        var secret = new Option<FileInfo>("--key") { Description = "Private recovery key", HelpName = "FILE", Required = true };
        var input = new Argument<FileInfo>("FILE") { Description = "The backup" };
        var command = new Command("recover", "Puts missing roots of the file key store back from a backup") { input, secret };
        command.SetAction(result =>
        {
            var key = Read(result.GetRequiredValue(secret));
            var backup = Read(result.GetRequiredValue(input));
            try
            {
                var restored = Guarded(() => Backups().Restore(result.DataFolder().KeyFolder, key, backup));
                Output.Message($"Put back: {Numbers(restored.Roots)}; there already: {Numbers(restored.Kept)}; made {restored.MadeAt:u}");
            }
            finally
            {
                CryptographicOperations.ZeroMemory(key);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static string Numbers(IReadOnlyCollection<int> roots) => roots.Count == 0 ? "none" : "root " + string.Join(", ", roots);

    private static KeyStoreBackup Backups() => new(Settings().RequirePostQuantum, TimeProvider.System);

    // Those that the server has, from the same environment; only what concerns backups is looked at.
    private static KernelOptions Settings() => KeySettings.Apply(
        new KernelOptions { AppConnection = "Host=none;Database=none", KeyDirectory = "none" }, Environment.GetEnvironmentVariable);

    private static T Guarded<T>(Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception fault) when (fault is BackupRefused or AlgorithmFault)
        {
            throw new ApiFault(ExitCode.Refused, [fault.Message]);
        }
    }

    // As text: keys are carried by hand, and printed on paper.
    private static void WriteNew(string path, byte[] content)
    {
        if (File.Exists(path))
        {
            throw new ApiFault(ExitCode.Usage, [$"{path} is there already: choose another name"]);
        }

        using var file = new FileStream(
            path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
        file.Write(System.Text.Encoding.ASCII.GetBytes(Base64Url.EncodeToString(content) + "\n"));
        file.Flush(flushToDisk: true);
    }

    private static byte[] Read(FileInfo file)
    {
        if (!file.Exists || file.Length > 100_000_000)
        {
            throw new ApiFault(ExitCode.Usage, [$"{file.FullName} is not there, or is too large to be a key or a backup"]);
        }

        var text = File.ReadAllText(file.FullName).Trim();
        return Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : throw new ApiFault(ExitCode.Usage, [$"{file.FullName} is no text of base64url, as keys and backups are"]);
    }
}
