using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Bulkhead.Bench.Keys;

/// <summary>
/// XAES-256-GCM as one writes it for one thread and nothing else: the transform is kept, the nonce is drawn from the system's
/// generator, the cipher is made for each message. No header, no pool, no checks. Shape: nonce, ciphertext, tag.
/// </summary>
internal sealed class BareXaes : IDisposable
{
    public const int Overhead = NonceLength + TagLength;

    private const int NonceLength = 24;
    private const int TagLength = 16;
    private const int BlockLength = 16;

    private readonly Aes _aes = Aes.Create();
    private readonly ICryptoTransform _transform;
    private readonly byte[] _subkey;
    private readonly byte[] _key = new byte[2 * BlockLength];

    public BareXaes(ReadOnlySpan<byte> key)
    {
        _aes.Mode = CipherMode.ECB;
        _aes.Padding = PaddingMode.None;
        _aes.SetKey(key);
        _transform = _aes.CreateEncryptor();
        _subkey = _aes.EncryptEcb(new byte[BlockLength], PaddingMode.None);
        var carry = _subkey[0] >> 7;
        for (var i = 0; i < BlockLength; i++)
        {
            _subkey[i] = (byte)((_subkey[i] << 1) | (i + 1 < BlockLength ? _subkey[i + 1] >> 7 : 0));
        }

        _subkey[^1] ^= (byte)(0x87 * carry);
    }

    public byte[] Seal(ReadOnlySpan<byte> content, ReadOnlySpan<byte> associated)
    {
        var message = GC.AllocateUninitializedArray<byte>(Overhead + content.Length);
        var nonce = message.AsSpan(0, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var cipher = Cipher(nonce);
        cipher.Encrypt(nonce[12..], content, message.AsSpan(NonceLength, content.Length), message.AsSpan()[^TagLength..], associated);
        return message;
    }

    public void Open(ReadOnlySpan<byte> message, ReadOnlySpan<byte> associated, Span<byte> content)
    {
        using var cipher = Cipher(message[..NonceLength]);
        cipher.Decrypt(message[12..NonceLength], message[NonceLength..^TagLength], message[^TagLength..], content, associated);
    }

    public void Dispose()
    {
        _transform.Dispose();
        _aes.Dispose();
    }

    private AesGcm Cipher(ReadOnlySpan<byte> nonce)
    {
        for (var i = 0; i < 2; i++)
        {
            var block = _key.AsSpan(i * BlockLength, BlockLength);
            BinaryPrimitives.WriteUInt32BigEndian(block, ((uint)(i + 1) << 16) | ((uint)'X' << 8));
            nonce[..12].CopyTo(block[4..]);
            for (var j = 0; j < BlockLength; j++)
            {
                block[j] ^= _subkey[j];
            }
        }

        _transform.TransformBlock(_key, 0, _key.Length, _key, 0);
        return new AesGcm(_key, TagLength);
    }
}
