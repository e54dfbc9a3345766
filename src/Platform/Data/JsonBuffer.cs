using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.ObjectPool;

namespace Bulkhead.Platform.Data;

/// <summary>
/// An answer in the making, with its writer: rented, filled while rows arrive, sent after the commit, given back. A
/// page is held whole because nothing may be sent before the commit.
/// </summary>
internal sealed class JsonBuffer : IBufferWriter<byte>, IDisposable
{
    private const int FirstSize = 16 * 1_024;

    // What a burst of large pages leaves behind is not kept: 64 buffers of at most 256 KiB.
    private const int MaxKept = 64;
    private const int MaxKeptSize = 256 * 1_024;

    private static readonly DefaultObjectPool<JsonBuffer> Pool = new(new Policy(), MaxKept);
    private static readonly JsonWriterOptions Options = new()
    {
        // Answers are application/json and never part of a page, so that only what JSON demands is escaped.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _length;

    private JsonBuffer() => Writer = new Utf8JsonWriter(this, Options);

    public Utf8JsonWriter Writer { get; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    /// <summary>Bytes so far, those that the writer still holds included.</summary>
    public long Size => _length + Writer.BytesPending;

    public static JsonBuffer Rent() => Pool.Get();

    /// <summary>Ends a value that stands alone; the next one starts after it.</summary>
    /// <returns>The length so far: the start of the next value.</returns>
    public int EndValue()
    {
        Writer.Flush();
        Writer.Reset();
        return _length;
    }

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(sizeHint);
        return _bytes.AsSpan(_length);
    }

    public void Dispose() => Pool.Return(this);

    private void Grow(int sizeHint)
    {
        var needed = _length + Math.Max(sizeHint, 256);
        if (needed <= _bytes.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, _bytes.Length * 2));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }

    private sealed class Policy : PooledObjectPolicy<JsonBuffer>
    {
        public override JsonBuffer Create() => new();

        public override bool Return(JsonBuffer obj)
        {
            obj.Writer.Reset();
            obj._length = 0;
            if (obj._bytes.Length <= MaxKeptSize)
            {
                return true;
            }

            ArrayPool<byte>.Shared.Return(obj._bytes);
            obj._bytes = [];
            return false;
        }
    }
}
