using System.Buffers;
using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>The bytes of a body, held whole in a rented array: bounded, and given back cleared.</summary>
internal sealed class RequestBody : IDisposable
{
    private byte[] _bytes;
    private int _length;

    private RequestBody(int size) => _bytes = ArrayPool<byte>.Shared.Rent(size);

    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    /// <summary>Null when the body is larger than the limit: the 413 is written.</summary>
    public static async ValueTask<RequestBody?> ReadAsync(HttpContext http, int maxBytes,
        CancellationToken cancellationToken)
    {
        var announced = http.Request.ContentLength;
        if (announced > maxBytes)
        {
            await RefuseAsync(http, maxBytes, cancellationToken);
            return null;
        }

        // One byte more than announced, so that the end is met without growing.
        var body = new RequestBody((int)(announced ?? 4_095) + 1);
        try
        {
            while (true)
            {
                var count = await http.Request.Body.ReadAsync(body._bytes.AsMemory(body._length), cancellationToken);
                body._length += count;
                if (count == 0)
                {
                    return body;
                }

                if (body._length > maxBytes)
                {
                    body.Dispose();
                    await RefuseAsync(http, maxBytes, cancellationToken);
                    return null;
                }

                body.GrowWhenFull();
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes, clearArray: true);
        _bytes = [];
        _length = 0;
    }

    private static Task RefuseAsync(HttpContext http, int maxBytes, CancellationToken cancellationToken) =>
        ProblemResults.WriteAsync(
            http,
            StatusCodes.Status413PayloadTooLarge,
            "body-too-large",
            $"The body may have at most {maxBytes} bytes.",
            cancellationToken: cancellationToken);

    private void GrowWhenFull()
    {
        if (_length < _bytes.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(_bytes.Length * 2);
        _bytes.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes, clearArray: true);
        _bytes = larger;
    }
}
