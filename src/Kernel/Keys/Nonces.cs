using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// Random nonces from a buffer per thread: a call of the system's generator costs as much for 12 bytes as for thousands.
/// Nonces are no secrets, and every byte is handed out once.
/// </summary>
internal static class Nonces
{
    private const int BufferLength = 6144;

    [ThreadStatic]
    private static byte[]? _buffer;

    [ThreadStatic]
    private static int _left;

    public static void Fill(Span<byte> nonce)
    {
        if (nonce.Length > BufferLength)
        {
            throw new ArgumentException("Too long for a nonce.", nameof(nonce));
        }

        _buffer ??= new byte[BufferLength];
        if (_left < nonce.Length)
        {
            RandomNumberGenerator.Fill(_buffer);
            _left = BufferLength;
        }

        _left -= nonce.Length;
        _buffer.AsSpan(_left, nonce.Length).CopyTo(nonce);
    }
}
