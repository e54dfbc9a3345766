using System.Text.Json;
using Bulkhead.Tests.System.Keys;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>The roots of an installation as its operator handles them: lost and recovered, under a passphrase, in an HSM.</summary>
public sealed class KeyStoreTests : IAsyncLifetime, IDisposable
{
    private readonly RunningProgram _program = new();
    private readonly DirectoryInfo _safe = Directory.CreateTempSubdirectory("bh-safe-");

    public Task InitializeAsync() => _program.StartAsync();

    public Task DisposeAsync() => _program.DisposeAsync();

    public void Dispose()
    {
        _program.Dispose();
        _safe.Delete(recursive: true);
    }

    [Fact]
    public async Task A_lost_root_comes_back_from_a_backup_with_its_recovery_key_and_with_no_other()
    {
        var records = await RecordsAsync();
        foreach (var key in new[] { "recovery", "other" })
        {
            await RunAsync($"keys recovery-key {In(key)}");
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(In(key)));
        }

        await RunAsync($"keys backup --to {In("recovery.public")} {In("backup")}");
        // What is there is not overwritten, and a public key opens nothing.
        await RefusedAsync(2, $"keys backup --to {In("recovery.public")} {In("backup")}", "is there already");
        await RefusedAsync(null, $"keys recover --key {In("recovery.public")} {In("backup")}", "");

        Assert.Equal(0, await _program.StopAsync());
        File.Delete(Root(1));
        await RefusedAsync(null, $"up --port {_program.Port}", "keys recover");

        await RefusedAsync(3, $"keys recover --key {In("other")} {In("backup")}", "sealed to another recovery key");
        Assert.False(File.Exists(Root(1)));
        Assert.Contains("Put back: root 1", await RunAsync($"keys recover --key {In("recovery")} {In("backup")}"), StringComparison.Ordinal);
        Assert.Contains(
            "there already: root 1", await RunAsync($"keys recover --key {In("recovery")} {In("backup")}"), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Root(1)));

        await _program.StartAsync();
        Assert.Equal(records, await RecordsAsync());
        await VerifyAsync();
    }

    [SoftHsmFact]
    public async Task Roots_move_from_bare_files_under_a_passphrase_and_from_there_into_an_HSM()
    {
        var records = await RecordsAsync();
        await File.WriteAllTextAsync(In("passphrase"), "correct horse battery staple\n");
        var passphrase = $"BULKHEAD_KEY_PASSPHRASE_FILE={In("passphrase")}";
        const string told = "Root 1 (file) is kept otherwise than is set now";

        await AgainAsync("", passphrase);
        Assert.Contains(told, _program.Output, StringComparison.Ordinal);
        Assert.Equal(records, await RecordsAsync());
        await RunAsync("keys rotate --key root");
        Assert.Equal(["1 file retired", "2 file in use"], await RootsAsync());
        await VerifyAsync();

        await AgainAsync("", passphrase);
        Assert.DoesNotContain("is kept otherwise", _program.Output, StringComparison.Ordinal);
        Assert.Equal(records, await RecordsAsync());

        Assert.Equal(0, await _program.StopAsync());
        await RefusedAsync(null, $"up --port {_program.Port}", "BULKHEAD_KEY_PASSPHRASE_FILE");

        await _program.StartAsync("--hsm", passphrase);
        Assert.Contains("Root 2 (file) is kept otherwise", _program.Output, StringComparison.Ordinal);
        Assert.Equal(records, await RecordsAsync());
        await RunAsync("keys rotate --key root");
        Assert.Equal(["1 file retired", "2 file retired", "3 pkcs11 in use"], await RootsAsync());
        await VerifyAsync();

        // Nothing hangs on the files any more, and the HSM is remembered.
        Directory.Delete(Path.Combine(_program.Data, "keys"), recursive: true);
        await AgainAsync("", "");
        Assert.DoesNotContain("is kept otherwise", _program.Output, StringComparison.Ordinal);
        Assert.Equal(records, await RecordsAsync());
        await VerifyAsync();
    }

    private string In(string name) => Path.Combine(_safe.FullName, name);

    private string Root(int number) => Path.Combine(_program.Data, "keys", $"root-{number}.key");

    private async Task AgainAsync(string options, string environment)
    {
        Assert.Equal(0, await _program.StopAsync());
        await _program.StartAsync(options, environment);
    }

    private async Task<string> RunAsync(string command)
    {
        var (code, output, error) = await RunningProgram.ShellAsync($"./bulkhead --data {_program.Data} {command}");
        Assert.True(code == 0, $"{command}: {code} {output}{error}");
        return output + error;
    }

    private async Task RefusedAsync(int? expected, string command, string reason)
    {
        var (code, output, error) = await RunningProgram.ShellAsync($"./bulkhead --data {_program.Data} {command}");
        Assert.True(expected is null ? code is not 0 : code == expected, $"{command}: {code} {output}{error}");
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private async Task<List<string>> RootsAsync()
    {
        var (code, output, error) = await RunningProgram.ShellAsync($"./bulkhead --data {_program.Data} keys list --json");
        Assert.True(code == 0, error);
        return
        [
            .. JsonDocument.Parse(output).RootElement.GetProperty("roots").EnumerateArray().Select(root =>
                $"{root.GetProperty("root")} {root.GetProperty("store")} "
                + (root.GetProperty("retiredAt").ValueKind == JsonValueKind.Null ? "in use" : "retired")),
        ];
    }

    private async Task VerifyAsync()
    {
        foreach (var tenant in new[] { "northside", "riverside", "summit" })
        {
            Assert.DoesNotContain("FAILS", await RunAsync($"keys verify --tenant {tenant}"), StringComparison.Ordinal);
        }
    }

    /// <summary>Records with sealed fields, of a tenant in each isolation.</summary>
    private async Task<string> RecordsAsync()
    {
        var answers = new List<string>();
        foreach (var tenant in new[] { "northside", "riverside", "summit" })
        {
            var (code, answer, error) = await RunningProgram.ShellAsync(
                $"curl -sf -H \"Authorization: Bearer $(./bulkhead --data {_program.Data} token {tenant} --role admin)\" "
                + $"'{_program.Url}/t/{tenant}/api/v1/conditions?limit=5'");
            Assert.True(code == 0, error);
            answers.Add(JsonDocument.Parse(answer).RootElement.GetProperty("data").GetRawText());
            Assert.Contains("\"description\":\"", answers[^1], StringComparison.Ordinal);
        }

        return string.Join('\n', answers);
    }
}
