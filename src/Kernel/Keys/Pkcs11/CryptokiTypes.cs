using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;

namespace Bulkhead.Kernel.Keys.Pkcs11;

// Structures as C lays them out on Unix: natural alignment, CK_ULONG as wide as a pointer.

internal unsafe struct CkInitializeArguments
{
    public void* CreateMutex;
    public void* DestroyMutex;
    public void* LockMutex;
    public void* UnlockMutex;
    public nuint Flags;
    public void* Reserved;
}

internal struct CkTokenInfo
{
    public Bytes32 Label;
    public Bytes32 Manufacturer;
    public Bytes16 Model;
    public Bytes16 Serial;
    public nuint Flags;
    public Counts Limits;
    public ushort HardwareVersion;
    public ushort FirmwareVersion;
    public Bytes16 Time;

    [InlineArray(32)]
    public struct Bytes32
    {
        private byte _first;
    }

    [InlineArray(16)]
    public struct Bytes16
    {
        private byte _first;
    }

    [InlineArray(10)]
    public struct Counts
    {
        private nuint _first;
    }
}

internal struct CkSessionInfo
{
    public nuint Slot;
    public nuint State;
    public nuint Flags;
    public nuint DeviceError;
}

internal struct CkMechanismInfo
{
    public nuint LeastKeySize;
    public nuint LargestKeySize;
    public nuint Flags;
}

internal unsafe struct CkMechanism
{
    public nuint Type;
    public void* Parameter;
    public nuint ParameterLength;
}

internal unsafe struct CkGcmParameters
{
    public byte* Nonce;
    public nuint NonceLength;
    public nuint NonceBits;
    public byte* Associated;
    public nuint AssociatedLength;
    public nuint TagBits;
}

internal unsafe struct CkAttribute
{
    public nuint Type;
    public void* Value;
    public nuint Length;
}

internal static class Ck
{
    public const nuint OsLockingOk = 0x2;

    public const nuint SerialSession = 0x4;
    public const nuint WriteSession = 0x2;
    public const nuint User = 1;
    public const nuint StateReadUser = 1;
    public const nuint StateWriteUser = 3;

    public const nuint TokenInitialized = 0x400;
    public const nuint UserPinInitialized = 0x8;
    public const nuint UserPinFinalTry = 0x20000;
    public const nuint UserPinLocked = 0x40000;

    public const nuint AesKeyGeneration = 0x1080;
    public const nuint AesGcm = 0x1087;
    public const nuint CanEncrypt = 0x100;
    public const nuint CanDecrypt = 0x200;
    public const nuint CanGenerate = 0x8000;

    public const nuint SecretKeyClass = 4;
    public const nuint AesKeyType = 0x1F;

    public const nuint Class = 0x0;
    public const nuint Token = 0x1;
    public const nuint Private = 0x2;
    public const nuint Label = 0x3;
    public const nuint KeyType = 0x100;
    public const nuint Id = 0x102;
    public const nuint Sensitive = 0x103;
    public const nuint Encrypt = 0x104;
    public const nuint Decrypt = 0x105;
    public const nuint Wrap = 0x106;
    public const nuint Unwrap = 0x107;
    public const nuint Sign = 0x108;
    public const nuint Verify = 0x10A;
    public const nuint Derive = 0x10C;
    public const nuint ValueLength = 0x161;
    public const nuint Extractable = 0x162;
    public const nuint Modifiable = 0x170;
}

/// <summary>A list of attributes with their values, pinned while a library reads it.</summary>
internal sealed unsafe class AttributeTemplate
{
    private readonly CkAttribute[] _attributes = GC.AllocateArray<CkAttribute>(24, pinned: true);
    private readonly byte[] _values = GC.AllocateArray<byte>(512, pinned: true);
    private int _used;

    public int Count { get; private set; }

    public CkAttribute* Pointer => (CkAttribute*)Unsafe.AsPointer(ref _attributes[0]);

    public AttributeTemplate With(nuint type, bool value) => With(type, [value ? (byte)1 : (byte)0]);

    public AttributeTemplate With(nuint type, nuint value) => With(type, new ReadOnlySpan<byte>(&value, sizeof(nuint)));

    public AttributeTemplate With(nuint type, string value) => With(type, Encoding.UTF8.GetBytes(value));

    public AttributeTemplate With(nuint type, ReadOnlySpan<byte> value)
    {
        // Each value at a multiple of 8: libraries read a CK_ULONG through a pointer to it.
        value.CopyTo(_values.AsSpan(_used));
        _attributes[Count++] = new CkAttribute
        {
            Type = type,
            Value = Unsafe.AsPointer(ref _values[_used]),
            Length = (nuint)value.Length,
        };
        _used = (_used + value.Length + 7) & ~7;
        return this;
    }

    public static byte[] Number(int number)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return bytes;
    }
}
