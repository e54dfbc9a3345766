using System.Globalization;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Apps;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Resealing;

/// <summary>A server of its own, with an app whose next versions seal otherwise; a tenant in each isolation.</summary>
internal sealed class SealedShop : IAsyncDisposable
{
    public const string First = """
        app: shop
        version: 1
        title: Shop
        masks:
          last: { keepLast: 2 }
        entities:
          person:
            plural: people
            subject: self
            fields:
              name: { type: text, required: true, maxLength: 50, class: personal }
              nick: { type: text, maxLength: 50, class: internal, unique: true }
              born: { type: date, class: personal }
              seen: { type: timestamp, class: personal }
              income: { type: decimal, scale: 2, class: personal }
              alive: { type: boolean, class: personal }
              extra: { type: json, class: personal }
              ssn: { type: text, maxLength: 20, class: secret, unique: true }
              note: { type: text, maxLength: 100, class: health }
              other: { type: text, maxLength: 100, class: health }
              old: { type: text, maxLength: 100, class: health }
        roles:
          admin:
            entities:
              person: { actions: [list, read, create, update, delete], read: all, write: all }
          viewer:
            entities:
              person: { actions: [list, read], read: [name, ssn], mask: { ssn: last } }
        """;

    /// <summary>Everything at once: sealed, of another class, dropped, searched, with a default.</summary>
    public static readonly string Second = First
        .Replace("version: 1", "version: 2", StringComparison.Ordinal)
        .Replace("class: personal }", "class: personal, sealed: true }", StringComparison.Ordinal)
        .Replace("class: internal, unique: true }", "class: internal, unique: true, sealed: true }", StringComparison.Ordinal)
        .Replace("note: { type: text, maxLength: 100, class: health }", "note: { type: text, maxLength: 100, class: secret }", StringComparison.Ordinal)
        .Replace(
            "other: { type: text, maxLength: 100, class: health }",
            "other: { type: text, maxLength: 100, class: health, search: equality }",
            StringComparison.Ordinal)
        .Replace(
            "      old: { type: text, maxLength: 100, class: health }",
            "      flag: { type: text, maxLength: 100, class: health, required: true, default: plain }",
            StringComparison.Ordinal);

    public static readonly string[] Tenants = ["a", "b", "c"];

    private SealedShop(DataServer server) => Server = server;

    public DataServer Server { get; }

    public Deployment Deployment => Service<Deployment>();

    public Catalogue Catalogue => Service<Catalogue>();

    public static async Task<SealedShop> OpenAsync(int rows, int batch = 50)
    {
        var server = new DataServer(First, options => options with { ResealBatch = batch, KeyAnnouncement = TimeSpan.FromMilliseconds(500) });
        await server.InitializeAsync();
        var shop = new SealedShop(server);
        foreach (var tenant in Tenants)
        {
            var lines = new StringBuilder();
            for (var i = 0; i < rows; i++)
            {
                lines.Append(Person(tenant, i)).Append('\n');
            }

            var answer = (await server.SendAsync(tenant, "POST", "people/import", lines.ToString(), type: "application/x-ndjson")).Is(200);
            Assert.Equal(rows, answer.Json.GetProperty("created").GetInt32());
        }

        return shop;
    }

    public static string Id(int n) => $"0190abcd-0000-7000-8000-{n:x12}";

    public static string Person(string tenant, int n) => string.Create(CultureInfo.InvariantCulture, $$"""
        {"id":"{{Id(n)}}","name":"planted-name-{{tenant}}-{{n}}","nick":"planted-nick-{{n}}","born":"1980-02-{{1 + (n % 28):00}}","seen":"2024-05-01T10:00:00.123456Z","income":{{n}}.05,"alive":{{(n % 2 == 0 ? "true" : "false")}},"extra":{"bb":[1.50,"planted-extra-{{n}}"],"a":null},"ssn":"planted-ssn-{{n}}","note":"planted-note-{{n}}","other":"planted-other-{{n}}","old":"planted-old-{{n}}"}
        """);

    public T Service<T>()
        where T : notnull => Server.Services.GetRequiredService<T>();

    public Task DeployAsync(string manifest, IProgress<string>? progress = null)
    {
        var model = ManifestCompiler.Compile(manifest).Model!;
        return Deployment.DeployAppAsync(
            new Actor(ActorKind.Operator, "op", []),
            "deploy",
            new AppRelease("shop", model.Version, manifest),
            from => SchemaPlan.Between(ManifestCompiler.Compile(from.Manifest).Model!, model).Steps,
            progress,
            default);
    }

    /// <summary>Every record is as it was, but for the fields that the newer version has or has not.</summary>
    public async Task ReadAllAsync(string tenant, int rows, params string[] without)
    {
        for (var i = 0; i < rows; i++)
        {
            var read = (await Server.SendAsync(tenant, "GET", $"people/{Id(i)}")).Is(200).Json;
            foreach (var field in JsonDocument.Parse(Person(tenant, i)).RootElement.EnumerateObject())
            {
                if (!without.Contains(field.Name))
                {
                    Assert.Equal(Text(field.Value), Text(read.GetProperty(field.Name)));
                }
            }
        }
    }

    public async Task<NpgsqlConnection> InsideAsync(string tenant)
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(Server.Cluster.ConnectionString(UnitOf(tenant).Database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    public Unit UnitOf(string tenant) => Server.Tenants[tenant].Placement.Unit;

    public RequestContext ContextOf(string tenant, int version) =>
        new(Server.Tenants[tenant].Id, new Actor(ActorKind.Platform, "test", []), "r", $"shop@{version}");

    public async Task<List<string>> ColumnsAsync(string tenant)
    {
        await using var inside = await InsideAsync(tenant);
        return await inside.ListAsync(
            "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped",
            r => r.GetString(0), default, $"{UnitOf(tenant).Name}.person");
    }

    /// <summary>Names and values of what an envelope of the class holds, of every record.</summary>
    public async Task<List<Dictionary<string, string>>> EnvelopesAsync(string tenant, string dataClass)
    {
        await using var inside = await InsideAsync(tenant);
        var rows = await inside.ListAsync(
            $"select id, _sealed_{dataClass} from {UnitOf(tenant).Name}.person order by id",
            r => (Id: r.GetGuid(0), Envelope: r.IsDBNull(1) ? null : r.GetFieldValue<byte[]>(1)), default);
        var keys = await Service<KeyRing>().OpenAsync(Server.Tenants[tenant].Id, "person", default);
        var all = new List<Dictionary<string, string>>();
        foreach (var (id, envelope) in rows)
        {
            var fields = new Dictionary<string, string>();
            if (envelope is not null)
            {
                var bytes = new byte[RecordKeys.ContentLength(envelope)];
                keys.Open(dataClass, id, envelope, bytes);
                var content = new SealedContent(bytes);
                while (content.Read())
                {
                    fields.Add(Encoding.UTF8.GetString(content.Name), Encoding.UTF8.GetString(content.Value));
                }
            }

            all.Add(fields);
        }

        return all;
    }

    /// <summary>Rows of the table as they stand in its pages, those that the next vacuum removes left out.</summary>
    public async Task<string> LivePagesAsync(string tenant)
    {
        await using var inside = await InsideAsync(tenant);
        await inside.RunAsync("create extension if not exists pageinspect", default);
        try
        {
            var table = $"{UnitOf(tenant).Name}.person";
            var rows = await inside.ListAsync(
                $"""
                select t_data from generate_series(0, pg_relation_size('{table}') / current_setting('block_size')::int - 1) b,
                    lateral heap_page_items(get_raw_page('{table}', b::int)) where t_data is not null
                """,
                r => r.GetFieldValue<byte[]>(0), default);
            Assert.NotEmpty(rows);
            return string.Join('\n', rows.Select(Encoding.Latin1.GetString));
        }
        finally
        {
            await inside.RunAsync("drop extension pageinspect", default);
        }
    }

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => string.Join(',', value.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => p.Name + Text(p.Value))),
        JsonValueKind.Array => string.Join(',', value.EnumerateArray().Select(Text)),
        JsonValueKind.Number => value.GetDecimal().ToString("0.####", CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };
}

/// <summary>Ends a deployment at its n-th report, as the death of its process would.</summary>
internal sealed class Death(int at) : IProgress<string>
{
    public List<string> Reports { get; } = [];

    public void Report(string value)
    {
        Reports.Add(value);
        if (Reports.Count == at)
        {
            throw new OperationCanceledException("killed");
        }
    }
}
