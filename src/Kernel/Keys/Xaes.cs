using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Bulkhead.Kernel.Keys;

/// <summary>
/// XAES-256-GCM (C2SP, c2sp.org/XAES-256-GCM): a key for each message, derived from 96 bits of a 192-bit nonce by a CMAC-based
/// KDF (NIST SP 800-108r1), then AES-256-GCM with the other 96. Random nonces are safe for 2^80 messages under one key.
/// Shape of the sealed text: ciphertext, then tag (16 bytes); the nonce is kept by the caller. Safe for several threads.
/// </summary>
internal sealed class Xaes : IDisposable
{
    public const int NonceLength = 24;
    public const int TagLength = 16;

    private const int BlockLength = 16;
    private const int DerivationsKept = 16;

    private readonly Aes _aes;
    private readonly byte[] _subkey = GC.AllocateArray<byte>(BlockLength, pinned: true);

    // By thread, so that threads seldom meet: a bag that is asked for its count locks out every other thread.
    private readonly Derivation?[] _derivations = new Derivation?[DerivationsKept];

    public Xaes(ReadOnlySpan<byte> key)
    {
        _aes = Aes.Create();
        _aes.Mode = CipherMode.ECB;
        _aes.Padding = PaddingMode.None;
        _aes.SetKey(key);
        _aes.EncryptEcb(stackalloc byte[BlockLength], _subkey, PaddingMode.None);
        // K1 of CMAC (NIST SP 800-38B section 6.1): doubled in GF(2^128), without a branch on the secret.
        var carry = 0;
        for (var i = BlockLength - 1; i >= 0; i--)
        {
            var next = _subkey[i] >> 7;
            _subkey[i] = (byte)((_subkey[i] << 1) | carry);
            carry = next;
        }

        _subkey[^1] ^= (byte)(0x87 & -carry);
    }

    /// <param name="output">As long as the text, and <see cref="TagLength"/> more.</param>
    public void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> text, ReadOnlySpan<byte> associated, Span<byte> output)
    {
        using var cipher = Cipher(nonce);
        cipher.Encrypt(nonce[12..], text, output[..text.Length], output[text.Length..], associated);
    }

    /// <summary>False when the sealed text, the nonce or the associated bytes are not those of the sealing; the output is then zero.</summary>
    /// <param name="output">As long as the sealed text without its tag.</param>
    public bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedText, ReadOnlySpan<byte> associated, Span<byte> output)
    {
        if (sealedText.Length < TagLength)
        {
            return false;
        }

        using var cipher = Cipher(nonce);
        try
        {
            cipher.Decrypt(nonce[12..], sealedText[..^TagLength], sealedText[^TagLength..], output, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        for (var i = 0; i < DerivationsKept; i++)
        {
            Interlocked.Exchange(ref _derivations[i], null)?.Dispose();
        }

        _aes.Dispose();
        CryptographicOperations.ZeroMemory(_subkey);
    }

    private AesGcm Cipher(ReadOnlySpan<byte> nonce)
    {
        if (nonce.Length != NonceLength)
        {
            throw new ArgumentException($"A nonce has {NonceLength} bytes.", nameof(nonce));
        }

        // Counter (16 bits), label 'X', a zero byte, then half of the nonce: one full block each, so CMAC is one encryption.
        Span<byte> key = stackalloc byte[SecretKey.Length];
        for (var i = 0; i < 2; i++)
        {
            var block = key.Slice(i * BlockLength, BlockLength);
            BinaryPrimitives.WriteUInt32BigEndian(block, ((uint)(i + 1) << 16) | ((uint)'X' << 8));
            nonce[..12].CopyTo(block[4..]);
            for (var j = 0; j < BlockLength; j++)
            {
                block[j] ^= _subkey[j];
            }
        }

        Encrypt(key);
        var cipher = new AesGcm(key, TagLength);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }

    private void Encrypt(Span<byte> blocks)
    {
        ref var place = ref _derivations[Environment.CurrentManagedThreadId % DerivationsKept];
        var derivation = Interlocked.Exchange(ref place, null) ?? new Derivation(_aes.CreateEncryptor());
        derivation.Encrypt(blocks);
        if (Interlocked.CompareExchange(ref place, derivation, null) is not null)
        {
            derivation.Dispose();
        }
    }

    /// <summary>A transform, which keeps its key schedule, and the bytes that it works on. For one thread at a time.</summary>
    private sealed class Derivation(ICryptoTransform transform) : IDisposable
    {
        private readonly byte[] _buffer = GC.AllocateArray<byte>(SecretKey.Length, pinned: true);

        public void Encrypt(Span<byte> blocks)
        {
            blocks.CopyTo(_buffer);
            transform.TransformBlock(_buffer, 0, _buffer.Length, _buffer, 0);
            _buffer.CopyTo(blocks);
            CryptographicOperations.ZeroMemory(_buffer);
        }

        public void Dispose() => transform.Dispose();
    }
}
