using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Bulkhead.Host.Demo;

/// <summary>Records of one collection, ready for <c>POST /api/v1/{plural}/import</c>.</summary>
/// <param name="Ndjson">One record a line, each with its id.</param>
/// <param name="Count">Lines; at most 1,000.</param>
public sealed record DemoChunk(string Plural, ReadOnlyMemory<byte> Ndjson, int Count);

/// <summary>Collects records by collection and gives them out in the order of the collections.</summary>
internal sealed class DemoPages
{
    private const int PageLength = 1_000;

    private readonly Dictionary<string, List<Page>> _pages;
    private readonly string[] _order;

    public DemoPages(params string[] plurals)
    {
        _order = plurals;
        _pages = plurals.ToDictionary(plural => plural, _ => new List<Page>(), StringComparer.Ordinal);
    }

    /// <summary>Dispose the record to end it; one record of a collection at a time.</summary>
    public DemoRecord Add(string plural, Guid id)
    {
        var pages = _pages[plural];
        if (pages.Count == 0 || pages[^1].Count == PageLength)
        {
            pages.Add(new Page());
        }

        pages[^1].Count++;
        return new DemoRecord(pages[^1].Text, id);
    }

    public IEnumerable<DemoChunk> Chunks() =>
        from plural in _order
        from page in _pages[plural]
        select new DemoChunk(plural, page.Text.WrittenMemory, page.Count);

    private sealed class Page
    {
        public ArrayBufferWriter<byte> Text { get; } = new(64 * 1024);

        public int Count { get; set; }
    }
}

/// <summary>Writes the fields of one record; what is null is left out.</summary>
internal sealed class DemoRecord : IDisposable
{
    private readonly ArrayBufferWriter<byte> _page;
    private readonly Utf8JsonWriter _writer;

    public DemoRecord(ArrayBufferWriter<byte> page, Guid id)
    {
        _page = page;
        _writer = new Utf8JsonWriter(page);
        _writer.WriteStartObject();
        _writer.WriteString("id", id);
    }

    public DemoRecord Text(string field, string? value)
    {
        if (value is not null)
        {
            _writer.WriteString(field, value);
        }

        return this;
    }

    public DemoRecord Number(string field, decimal? value)
    {
        if (value is not null)
        {
            _writer.WriteNumber(field, value.Value);
        }

        return this;
    }

    public DemoRecord Reference(string field, Guid? value)
    {
        if (value is not null)
        {
            _writer.WriteString(field, value.Value);
        }

        return this;
    }

    public DemoRecord Date(string field, DateOnly? value) =>
        Text(field, value?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));

    public DemoRecord Time(string field, DateTime? value) =>
        Text(field, value?.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    public void Dispose()
    {
        _writer.WriteEndObject();
        _writer.Dispose();
        _page.Write("\n"u8);
    }
}
