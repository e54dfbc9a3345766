using Bulkhead.Host.Local;

namespace Bulkhead.Tests.Unit.Host;

public sealed class DataFolderTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("bulkhead-test-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void Give_the_folder_to_one_program_at_a_time()
    {
        var folder = new DataFolder(_path);
        using (Assert.IsType<FileStream>(folder.TryLock()))
        {
            Assert.Null(new DataFolder(_path).TryLock());
        }

        using var again = folder.TryLock();
        Assert.NotNull(again);
    }

    [Fact]
    public void Write_files_that_only_their_owner_reads()
    {
        var file = Path.Combine(_path, "secrets.json");
        DataFolder.WriteAtomically(file, "{}");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal([file], Directory.GetFiles(_path));
    }

    [Fact]
    public void Leave_a_file_alone_that_says_the_same()
    {
        var file = Path.Combine(_path, "dev.json");
        DataFolder.WriteAtomically(file, "{}");
        var long_ago = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(file, long_ago);
        DataFolder.WriteAtomically(file, "{}");
        Assert.Equal(long_ago, File.GetLastWriteTimeUtc(file));
        DataFolder.WriteAtomically(file, "{ }");
        Assert.NotEqual(long_ago, File.GetLastWriteTimeUtc(file));
    }

    [Fact]
    public void Know_the_folder_by_its_real_path()
    {
        var real = Directory.CreateDirectory(Path.Combine(_path, "real")).FullName;
        var link = Path.Combine(_path, "link");
        Directory.CreateSymbolicLink(link, real);
        Assert.Equal(Path.Combine(new DataFolder(real).Path, "data"), new DataFolder(Path.Combine(link, "data")).Path);
    }

    [Fact]
    public void Read_no_holder_out_of_a_broken_pid_file()
    {
        File.WriteAllText(Path.Combine(_path, "bulkhead.pid"), "{");
        Assert.Null(new DataFolder(_path).ReadHolder());
    }

    [Fact]
    public void Refuse_new_secrets_for_a_database_that_has_others()
    {
        var folder = new DataFolder(_path);
        Assert.Throws<StartFault>(() => LocalSecrets.LoadOrCreate(folder, databaseExists: true));
        var made = LocalSecrets.LoadOrCreate(folder, databaseExists: false);
        Assert.Equal(made, LocalSecrets.LoadOrCreate(folder, databaseExists: true));
        Assert.NotEqual(made.AppPassword, made.DeployerPassword);
    }

    [Fact]
    public void Keep_tenants_and_secrets_when_the_port_changes()
    {
        var folder = new DataFolder(_path);
        var first = new DevOperator("http://localhost:8080/operator/oauth/token", "operator", "s");
        var tenant = DevFile.Tenant("http://localhost:8080", "northside", "shared", [new DevClient("admin", "c", "t")]);
        new DevFile("http://localhost:8080", first, [tenant]).Write(folder);

        var moved = DevFile.Read(folder)!.At("http://localhost:9090", first with { TokenUrl = "http://localhost:9090/operator/oauth/token" });

        Assert.Equal("http://localhost:9090/t/northside/oauth/token", Assert.Single(moved.Tenants).TokenUrl);
        Assert.Equal(new DevClient("admin", "c", "t"), moved.Tenants[0].Client("admin"));
    }
}
