using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Keys;

[Collection(OneVault.Name)]
public sealed class PlantedUnderRootsInFiles(VaultServer server) : PlantedValues(server)
{
    [Theory, ClassData(typeof(EveryIsolation))]
    public Task No_byte_of_a_sealed_value_is_in_the_data_directory_the_logs_or_a_dump(IsolationKind kind) => NothingSealedIsFoundAsync(kind);

    [Theory, ClassData(typeof(EveryIsolation))]
    public Task No_sealed_value_is_in_the_log_even_where_every_parameter_is_logged(IsolationKind kind) => NothingSealedIsLoggedAsync(kind);
}

[Collection(SoftHsm.Name)]
public sealed class PlantedUnderRootsInAToken(VaultServerWithHsm server) : PlantedValues(server), IClassFixture<VaultServerWithHsm>
{
    [SoftHsmTheory, ClassData(typeof(EveryIsolation))]
    public async Task No_byte_of_a_sealed_value_is_in_the_data_directory_the_logs_or_a_dump(IsolationKind kind)
    {
        await server.RequireTokenAsync();
        await NothingSealedIsFoundAsync(kind);
    }

    [SoftHsmTheory, ClassData(typeof(EveryIsolation))]
    public Task No_sealed_value_is_in_the_log_even_where_every_parameter_is_logged(IsolationKind kind) => NothingSealedIsLoggedAsync(kind);
}

/// <summary>
/// Values of sealed classes go through every door; then all that the database server wrote is searched for their bytes. The same
/// search finds what is public: it can fail.
/// </summary>
public abstract class PlantedValues(VaultServer server)
{
    private const long PublicNumber = 0x5A17_C0DE_1122_3344;
    private const long SealedNumber = 0x5A17_C0DE_5566_7788;

    private readonly PlantedWord _sealed = new("SEALEDq");
    private readonly PlantedWord _public = new("PUBLICq");
    private readonly Guid _device = Guid.NewGuid();

    private string Seal => _sealed.Text;

    private List<(string Form, byte[] Bytes)> SealedForms
    {
        get
        {
            var number = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(number, SealedNumber);
            return
            [
                .. _sealed.Forms,
                ("the number", number),
                ("the number, little endian", [.. number.Reverse()]),
                ("the number's digits", Encoding.ASCII.GetBytes(SealedNumber.ToString(CultureInfo.InvariantCulture))),
                ("the identifier", _device.ToByteArray(bigEndian: true)),
                ("the identifier's text", Encoding.ASCII.GetBytes(_device.ToString())),
            ];
        }
    }

    protected async Task NothingSealedIsFoundAsync(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        await PlantAsync(slug);
        await CheckpointAsync();

        using var dumps = new Folder();
        var files = PlantedWord.FilesOf(server.Cluster.Data)
            .Append(server.Cluster.Log).Append(await DumpAsync(slug, dumps.Path)).ToList();
        var found = PlantedWord.FoundIn(files, SealedForms).ToList();
        Assert.True(found.Count == 0, string.Join('\n', found.Prepend("sealed values are in the clear:")));
        Assert.DoesNotContain("SEALEDq", server.Log, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(PlantedWord.FoundIn(server.KeyFolders.SelectMany(PlantedWord.FilesOf), SealedForms));

        // The control: in heap, index, TOAST and WAL, and in the dump.
        Assert.True(BitConverter.IsLittleEndian);
        var control = PlantedWord.FoundIn(
            files,
            [("UTF-8", Encoding.UTF8.GetBytes(_public.Text)), ("number", BitConverter.GetBytes(PublicNumber))]).ToList();
        Assert.Contains(control, place => place.Contains("pg_wal", StringComparison.Ordinal));
        Assert.Contains(control, place => place.Contains(".dump", StringComparison.Ordinal));
        Assert.Contains(control, place => place.StartsWith("number", StringComparison.Ordinal));
        var tables = control.Where(place => place.Contains("/base/", StringComparison.Ordinal)).ToList();
        Assert.True(tables.Count >= 3, string.Join('\n', control));
    }

    /// <summary>The operator may turn on what the preparation turned off: what then is in the log are envelopes and indexes.</summary>
    protected async Task NothingSealedIsLoggedAsync(IsolationKind kind)
    {
        var slug = VaultServer.A(kind);
        var database = server.Tenant(slug).Placement.Unit.Database;
        await using var owner = await server.AsOwnerAsync("postgres");
        try
        {
            foreach (var (setting, value) in new[]
            {
                ("log_statement", "all"), ("log_parameter_max_length", "-1"), ("log_parameter_max_length_on_error", "-1"),
                ("log_min_error_statement", "debug5"), ("log_error_verbosity", "verbose"),
            })
            {
                await owner.RunAsync($"alter database \"{database}\" set {setting} = '{value}'", default);
            }

            await ReconnectAsync(owner, slug);
            await PlantAsync(slug);
            var log = await server.Cluster.ReadLogAsync();
            Assert.Contains(_public.Text, log, StringComparison.Ordinal);
            Assert.Contains(PublicNumber.ToString(CultureInfo.InvariantCulture), log, StringComparison.Ordinal);
            var found = PlantedWord.FoundIn([server.Cluster.Log], SealedForms).ToList();
            Assert.True(found.Count == 0, string.Join('\n', found));
        }
        finally
        {
            foreach (var setting in new[] { "log_min_error_statement", "log_error_verbosity" })
            {
                await owner.RunAsync($"alter database \"{database}\" reset {setting}", default);
            }

            await owner.RunAsync($"alter database \"{database}\" set log_statement = 'none'", default);
            await owner.RunAsync($"alter database \"{database}\" set log_parameter_max_length = 0", default);
            await owner.RunAsync($"alter database \"{database}\" set log_parameter_max_length_on_error = 0", default);
            await ReconnectAsync(owner, slug);
        }
    }

    private async Task ReconnectAsync(NpgsqlConnection owner, string slug)
    {
        await owner.RunAsync(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bulkhead' and datname = $1",
            default, server.Tenant(slug).Placement.Unit.Database);
        // A read may be repeated on a fresh connection; a write may not.
        (await server.CallAsync("GET", slug, "people?limit=1")).Is(HttpStatusCode.OK);
    }

    /// <summary>Through every door that takes a value, and through those that refuse it.</summary>
    private async Task PlantAsync(string slug)
    {
        var number = SealedNumber.ToString(CultureInfo.InvariantCulture);
        var id = await server.CreateAsync(slug, Whole("create"));
        var other = await server.CreateAsync(slug, new { name = "other", ssn = $"{Seal}other" });
        await server.CreateAsync(slug, new { person = id, history = Seal + new string('h', 900), nick = Seal }, "visits");

        (await server.PatchAsync(slug, id, new { nick = Seal + "patched", history = Large("patch"), name = _public.Text }))
            .Is(HttpStatusCode.OK);
        (await server.PatchAsync(slug, other, new { ssn = Seal + "create" })).Is(HttpStatusCode.Conflict);
        (await server.CallAsync("POST", slug, "people", new { ssn = Seal + "create", card = Seal })).Is(HttpStatusCode.Conflict);
        var once = Whole("once");
        for (var i = 0; i < 2; i++)
        {
            var made = await server.CallAsync("POST", slug, "people", once, headers: ("Idempotency-Key", "once-" + _public.Text));
            Assert.Equal(i == 1, made.Is(HttpStatusCode.Created).Replayed);
        }

        (await server.CallAsync("POST", slug, "people", Whole("twice"), headers: ("Idempotency-Key", "once-" + _public.Text)))
            .Is(HttpStatusCode.UnprocessableEntity);
        foreach (var wrong in new[]
        {
            $$"""{"nick": ["{{Seal}}"]}""", $$"""{"born": "{{Seal}}"}""", $$"""{"steps": "{{Seal}}"}""", $$"""{"blood": "{{Seal}}"}""",
            $$"""{"device": "{{Seal}}"}""", $$"""{"ssn": "{{Seal}}{{new string('s', 100)}}"}""", $$"""{"{{Seal}}": 1}""",
            $$"""{"ssn": "{{Seal}}", """, $$"""{"ssn": "{{Seal}}", "boss": "{{Guid.NewGuid()}}"}""", $"\"{Seal}\"",
        })
        {
            var refused = await server.CallAsync("POST", slug, "people", wrong);
            Assert.True((int)refused.Status is >= 400 and < 500, refused.Text);
        }

        var lines = new[]
        {
            JsonSerializer.Serialize(new { id = Guid.CreateVersion7(), ssn = Seal + "import", card = Seal, history = Large("import") }),
            JsonSerializer.Serialize(new { id = Guid.CreateVersion7(), ssn = Seal + "create" }),
            JsonSerializer.Serialize(new { id = Guid.CreateVersion7(), born = Seal }),
            JsonSerializer.Serialize(new { id = Guid.CreateVersion7(), nick = Seal, boss = Guid.NewGuid() }),
            $$"""{"id": "{{Seal}}"}""",
        };
        var imported = (await server.CallAsync("POST", slug, "people/import", string.Join('\n', lines), type: "application/x-ndjson"))
            .Is(HttpStatusCode.OK);
        Assert.Equal(1, imported.Json.GetProperty("created").GetInt32());
        Assert.Equal(4, imported.Json.GetProperty("rejected").GetArrayLength());

        foreach (var query in new[]
        {
            $"ssn={Seal}create", $"ssn.in={Seal},{Seal}once", $"nick={Seal}patched&limit=1", $"badge={number}", $"device={_device}",
        })
        {
            (await server.CallAsync("GET", slug, "people?" + query)).Is(HttpStatusCode.OK);
        }

        foreach (var query in new[]
        {
            $"ssn.gt={Seal}", $"card={Seal}", $"born={Seal}", $"{Seal}=1", $"sort={Seal}", $"fields={Seal}", $"after={Seal}",
            $"steps={number}", $"device={Seal}",
        })
        {
            (await server.CallAsync("GET", slug, "people?" + query)).Is(HttpStatusCode.BadRequest);
        }

        (await server.CallAsync("GET", slug, $"people/{id}?expand=visits")).Is(HttpStatusCode.OK);
        (await server.CallAsync("GET", slug, $"visits?expand=person&history={Seal}{new string('h', 900)}")).Is(HttpStatusCode.OK);
        (await server.CallAsync("GET", slug, $"people/{Seal}")).Is(HttpStatusCode.NotFound);
        (await server.CallAsync("GET", slug, $"people/{id}", role: "viewer")).Is(HttpStatusCode.OK);
        (await server.CallAsync("POST", slug, "people", new { ssn = Seal }, role: "viewer")).Is(HttpStatusCode.NotFound);
    }

    private object Whole(string which) => new
    {
        name = _public.Text,
        note = PublicNote(),
        number = PublicNumber,
        nick = Seal + which,
        badge = SealedNumber,
        ssn = Seal + which,
        card = Seal + "4111",
        born = "1931-07-13",
        steps = SealedNumber,
        weight = decimal.Parse($"{SealedNumber}.25", CultureInfo.InvariantCulture),
        device = _device,
        chart = new Dictionary<string, object> { [Seal] = new[] { Seal, "x" } },
        history = Large(which),
    };

    // Larger than a page, so that it is stored out of line; of hexadecimal chance, so that it is not compressed on the way.
    private string PublicNote() => _public.Text + global::System.Security.Cryptography.RandomNumberGenerator.GetHexString(9_000);

    private string Large(string which) =>
        Seal + which + global::System.Security.Cryptography.RandomNumberGenerator.GetHexString(9_000) + Seal;

    private async Task CheckpointAsync()
    {
        await using var owner = await server.AsOwnerAsync("postgres");
        await owner.RunAsync("checkpoint", default);
    }

    private async Task<string> DumpAsync(string slug, string folder)
    {
        var program = Directory.GetDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin", "pg_dump")).Where(File.Exists)
            .OrderByDescending(p => int.Parse(p.Split('/')[^3], CultureInfo.InvariantCulture)).First();
        var file = Path.Combine(folder, "all.dump");
        var start = new ProcessStartInfo(
            program, ["-h", server.Cluster.Socket, "-U", server.Cluster.Superuser, "-f", file, server.Tenant(slug).Placement.Unit.Database])
        {
            RedirectStandardError = true,
        };
        start.Environment["PGPASSWORD"] = "tests";
        using var dump = Process.Start(start)!;
        var error = await dump.StandardError.ReadToEndAsync();
        await dump.WaitForExitAsync();
        Assert.True(dump.ExitCode == 0, error);
        return file;
    }

    private sealed class Folder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("bh-dump-");

        public string Path => _folder.FullName;

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
