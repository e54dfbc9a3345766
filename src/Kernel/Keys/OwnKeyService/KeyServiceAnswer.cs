using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace Bulkhead.Kernel.Keys.OwnKeyService;

/// <summary>Reads the answer as bytes in a pinned buffer, which is zeroed: no string ever holds the key.</summary>
internal sealed class KeyServiceAnswer : IDisposable
{
    public const int Longest = 4_096;

    private const int LongestCode = 40;
    private const int EncodedKeyLength = 43;

    // One more than may come, to see that more came.
    private readonly byte[] _bytes = GC.AllocateArray<byte>(Longest + 1, pinned: true);
    private int _length;

    private KeyServiceAnswer()
    {
    }

    public bool IsTooLong => _length > Longest;

    public static async ValueTask<KeyServiceAnswer> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        var answer = new KeyServiceAnswer();
        try
        {
            answer._length = await body.ReadAtLeastAsync(
                answer._bytes, answer._bytes.Length, throwOnEndOfStream: false, cancellationToken);
            return answer;
        }
        catch
        {
            answer.Dispose();
            throw;
        }
    }

    /// <summary><c>{"unwrapped": 32 bytes in base64url}</c> and nothing else; null for anything else.</summary>
    public SecretKey? TryReadKey()
    {
        Span<byte> key = stackalloc byte[SecretKey.Length];
        try
        {
            return TryReadOnly("unwrapped"u8, out var encoded)
                && encoded.Length == EncodedKeyLength
                && Base64Url.DecodeFromUtf8(encoded, key, out _, out var written) == OperationStatus.Done
                && written == key.Length
                    ? SecretKey.CopyOf(key)
                    : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary><c>{"code": a word}</c>; empty for anything else, since what a stranger writes goes into our messages.</summary>
    public string ReadCode() =>
        TryReadOnly("code"u8, out var code) && code.Length <= LongestCode && code.IndexOfAnyExcept(Words) < 0
            ? System.Text.Encoding.ASCII.GetString(code)
            : "";

    public void Dispose() => CryptographicOperations.ZeroMemory(_bytes);

    private static readonly SearchValues<byte> Words = SearchValues.Create("abcdefghijklmnopqrstuvwxyz-"u8);

    private bool TryReadOnly(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (IsTooLong)
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(_bytes.AsSpan(0, _length));
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject
                || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals(name)
                || !reader.Read() || reader.TokenType != JsonTokenType.String || reader.ValueIsEscaped)
            {
                return false;
            }

            value = reader.ValueSpan;
            return reader.Read() && reader.TokenType == JsonTokenType.EndObject && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
