using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Bulkhead.Platform.Audit;

/// <summary>Lines of an export, with the digest over them.</summary>
internal sealed class ExportLines(Stream stream, CancellationToken cancellationToken)
{
    private const int FlushAt = 64 * 1024;

    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ArrayBufferWriter<byte> _buffer = new(2 * FlushAt);
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int _entries;

    /// <summary>That went out.</summary>
    public long Bytes { get; private set; }

    public async Task LineAsync(string type, Action<Utf8JsonWriter> members)
    {
        _entries += type == "entry" ? 1 : 0;
        Write(type, members);
        if (_buffer.WrittenCount >= FlushAt)
        {
            await FlushAsync();
        }
    }

    /// <summary>A line of another format, all of whose members are given.</summary>
    public async Task WholeAsync(Action<Utf8JsonWriter> line)
    {
        using (var json = new Utf8JsonWriter(_buffer, Plain))
        {
            line(json);
        }

        _buffer.Write("\n"u8);
        if (_buffer.WrittenCount >= FlushAt)
        {
            await FlushAsync();
        }
    }

    public async Task EndAsync()
    {
        await FlushAsync();
        var digest = Convert.ToHexStringLower(_hash.GetHashAndReset());
        Write("end", json =>
        {
            json.WriteNumber("entries", _entries);
            json.WriteString("sha256", digest);
        });
        await FlushAsync();
        _hash.Dispose();
    }

    private void Write(string type, Action<Utf8JsonWriter> members)
    {
        using (var json = new Utf8JsonWriter(_buffer, Plain))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            members(json);
            json.WriteEndObject();
        }

        _buffer.Write("\n"u8);
    }

    public async Task FlushAsync()
    {
        _hash.AppendData(_buffer.WrittenSpan);
        await stream.WriteAsync(_buffer.WrittenMemory, cancellationToken);
        Bytes += _buffer.WrittenCount;
        _buffer.ResetWrittenCount();
    }

    public static void Array(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    public static void Hashes(Utf8JsonWriter json, string name, IEnumerable<byte[]> hashes)
    {
        json.WriteStartArray(name);
        foreach (var hash in hashes)
        {
            json.WriteBase64StringValue(hash);
        }

        json.WriteEndArray();
    }
}
