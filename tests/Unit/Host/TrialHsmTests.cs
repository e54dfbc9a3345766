using Bulkhead.Host.Local;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Tests.Unit.Host;

/// <summary>A test with SoftHSM's programs; reported as skipped, with the next step, where there are none. CI installs them.</summary>
public sealed class SoftHsmFactAttribute : FactAttribute
{
    public SoftHsmFactAttribute()
    {
        if (TrialHsm.FindProgram(Environment.GetEnvironmentVariable("PATH") ?? "") is null)
        {
            Skip = "SoftHSM is not here. Next step: apt-get install softhsm2";
        }
    }
}

public sealed class TrialHsmTests : IDisposable
{
    // A space, since people have such folders.
    private readonly string _path = Directory.CreateTempSubdirectory("bh trial ").FullName;

    private DataFolder Folder => new(_path);

    private string Home => Path.Combine(_path, "hsm");

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [SoftHsmFact]
    public async Task Make_a_token_that_works_and_keep_to_it()
    {
        Assert.Null(await new TrialHsm(Folder).PrepareAsync(wanted: false, default));
        Assert.False(Directory.Exists(Home));

        var options = await new TrialHsm(Folder).PrepareAsync(wanted: true, default);
        using var key = SecretKey.Random();
        byte[] wrapped;
        using (var store = new Pkcs11KeyStore(options!, TimeProvider.System))
        {
            await store.CreateAsync(1, default);
            wrapped = await store.WrapAsync(1, key, default, default);
        }

        // A later start does not say it again; nothing is made anew.
        var again = await new TrialHsm(Folder).PrepareAsync(wanted: false, default);
        Assert.Equal(options, again);
        using var later = new Pkcs11KeyStore(again!, TimeProvider.System);
        using var opened = await later.UnwrapAsync(1, wrapped, default, default);
        Assert.True(opened.Bytes.SequenceEqual(key.Bytes));
    }

    [SoftHsmFact]
    public async Task Keep_PIN_and_token_from_everybody_else()
    {
        await new TrialHsm(Folder).PrepareAsync(wanted: true, default);
        const UnixFileMode others = (UnixFileMode)0b111_111;
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Home) & others);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(Path.Combine(Home, "tokens")) & others);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Home, "pin")));
        Assert.Equal(["pin", "softhsm2.conf", "tokens"], Directory.EnumerateFileSystemEntries(Home).Select(Path.GetFileName).Order());
    }

    [SoftHsmFact]
    public async Task Go_on_where_a_kill_left_it()
    {
        await new TrialHsm(Folder).PrepareAsync(wanted: true, default);
        var pin = File.ReadAllText(Path.Combine(Home, "pin"));

        // After the choice, before anything else.
        File.Delete(Path.Combine(Home, "pin"));
        Directory.Delete(Path.Combine(Home, "tokens"), recursive: true);
        await new TrialHsm(Folder).PrepareAsync(wanted: false, default);
        Assert.NotEqual(pin, pin = File.ReadAllText(Path.Combine(Home, "pin")));

        // In the middle of the token: half of one lies where it is made.
        Directory.Move(Path.Combine(Home, "tokens"), Path.Combine(Home, "tokens.new"));
        var token = Directory.GetDirectories(Path.Combine(Home, "tokens.new")).Single();
        File.Delete(Path.Combine(token, "token.object"));
        await new TrialHsm(Folder).PrepareAsync(wanted: false, default);
        Assert.False(Directory.Exists(Path.Combine(Home, "tokens.new")));
        Assert.True(File.Exists(Path.Combine(Directory.GetDirectories(Path.Combine(Home, "tokens")).Single(), "token.object")));
        Assert.Equal(pin, File.ReadAllText(Path.Combine(Home, "pin")));
    }

    [SoftHsmFact]
    public async Task Refuse_a_token_without_its_PIN()
    {
        await new TrialHsm(Folder).PrepareAsync(wanted: true, default);
        File.Delete(Path.Combine(Home, "pin"));
        var fault = await Assert.ThrowsAsync<StartFault>(() => new TrialHsm(Folder).PrepareAsync(wanted: true, default));
        Assert.Contains("bulkhead reset", fault.Message, StringComparison.Ordinal);
    }

    [SoftHsmFact]
    public async Task Stand_beside_roots_that_are_files()
    {
        Directory.CreateDirectory(Folder.KeyFolder);
        File.WriteAllText(Path.Combine(Folder.KeyFolder, "root-1.key"), "root");
        Assert.NotNull(await new TrialHsm(Folder).PrepareAsync(wanted: true, default));
        Assert.Equal("root", File.ReadAllText(Path.Combine(Folder.KeyFolder, "root-1.key")));
    }

    [Fact]
    public void Say_what_to_install_when_SoftHSM_is_missing()
    {
        Assert.Null(TrialHsm.FindProgram(_path));
        var fault = Assert.Throws<StartFault>(() => TrialHsm.FindLibrary([Path.Combine(_path, "libsofthsm2.so")]));
        Assert.Contains("apt-get install softhsm2", fault.Message, StringComparison.Ordinal);
    }
}
