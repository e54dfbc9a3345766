using System.Collections.Frozen;
using System.Globalization;
using static Bulkhead.Kernel.Keys.KeyStoreFaultKind;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <param name="Kind">What the code means to the caller of the key store, when nothing helped.</param>
/// <param name="LosesToken">Our sessions or handles mean nothing any more: find the token again, log in and try again.</param>
internal sealed record ReturnCode(nuint Value, string Name, KeyStoreFaultKind Kind, bool LosesToken = false);

/// <summary>What a PKCS#11 function returns (PKCS#11 Base Specification 2.40 section 5.1, and 3.0 for CKR_AEAD_DECRYPT_FAILED).</summary>
internal static class ReturnCodes
{
    public const nuint Ok = 0;
    public const nuint GeneralError = 0x05;
    public const nuint FunctionFailed = 0x06;
    public const nuint CantLock = 0x0A;
    public const nuint DataInvalid = 0x20;
    public const nuint ObjectHandleInvalid = 0x82;
    public const nuint PinIncorrect = 0xA0;
    public const nuint PinLocked = 0xA4;
    public const nuint TokenNotPresent = 0xE0;
    public const nuint UserAlreadyLoggedIn = 0x100;
    public const nuint UserNotLoggedIn = 0x101;
    public const nuint CryptokiNotInitialized = 0x190;
    public const nuint CryptokiAlreadyInitialized = 0x191;

    private static readonly FrozenDictionary<nuint, ReturnCode> Known = new ReturnCode[]
    {
        new(0x01, "CKR_CANCEL", Unavailable),
        new(0x02, "CKR_HOST_MEMORY", Unavailable),
        new(0x03, "CKR_SLOT_ID_INVALID", Unavailable, LosesToken: true),
        new(GeneralError, "CKR_GENERAL_ERROR", Unavailable),
        new(FunctionFailed, "CKR_FUNCTION_FAILED", Unavailable),
        new(0x07, "CKR_ARGUMENTS_BAD", Misconfigured),
        new(0x09, "CKR_NEED_TO_CREATE_THREADS", Misconfigured),
        new(CantLock, "CKR_CANT_LOCK", Misconfigured),
        new(0x10, "CKR_ATTRIBUTE_READ_ONLY", Misconfigured),
        new(0x11, "CKR_ATTRIBUTE_SENSITIVE", Misconfigured),
        new(0x12, "CKR_ATTRIBUTE_TYPE_INVALID", Misconfigured),
        new(0x13, "CKR_ATTRIBUTE_VALUE_INVALID", Misconfigured),
        new(0x1B, "CKR_ACTION_PROHIBITED", Misconfigured),
        new(DataInvalid, "CKR_DATA_INVALID", Unavailable),
        new(0x21, "CKR_DATA_LEN_RANGE", Misconfigured),
        new(0x30, "CKR_DEVICE_ERROR", Unavailable, LosesToken: true),
        new(0x31, "CKR_DEVICE_MEMORY", Unavailable),
        new(0x32, "CKR_DEVICE_REMOVED", Unavailable, LosesToken: true),
        new(0x40, "CKR_ENCRYPTED_DATA_INVALID", NotGenuine),
        new(0x41, "CKR_ENCRYPTED_DATA_LEN_RANGE", NotGenuine),
        new(0x42, "CKR_AEAD_DECRYPT_FAILED", NotGenuine),
        new(0x50, "CKR_FUNCTION_CANCELED", Unavailable),
        new(0x54, "CKR_FUNCTION_NOT_SUPPORTED", Misconfigured),
        new(0x60, "CKR_KEY_HANDLE_INVALID", Unavailable, LosesToken: true),
        new(0x62, "CKR_KEY_SIZE_RANGE", Misconfigured),
        new(0x63, "CKR_KEY_TYPE_INCONSISTENT", Misconfigured),
        new(0x68, "CKR_KEY_FUNCTION_NOT_PERMITTED", Misconfigured),
        new(0x70, "CKR_MECHANISM_INVALID", Misconfigured),
        new(0x71, "CKR_MECHANISM_PARAM_INVALID", Misconfigured),
        new(ObjectHandleInvalid, "CKR_OBJECT_HANDLE_INVALID", Unavailable, LosesToken: true),
        new(0x90, "CKR_OPERATION_ACTIVE", Unavailable, LosesToken: true),
        new(0x91, "CKR_OPERATION_NOT_INITIALIZED", Unavailable, LosesToken: true),
        new(PinIncorrect, "CKR_PIN_INCORRECT", Misconfigured),
        new(0xA1, "CKR_PIN_INVALID", Misconfigured),
        new(0xA2, "CKR_PIN_LEN_RANGE", Misconfigured),
        new(0xA3, "CKR_PIN_EXPIRED", Misconfigured),
        new(PinLocked, "CKR_PIN_LOCKED", Misconfigured),
        new(0xB0, "CKR_SESSION_CLOSED", Unavailable, LosesToken: true),
        new(0xB1, "CKR_SESSION_COUNT", Unavailable),
        new(0xB3, "CKR_SESSION_HANDLE_INVALID", Unavailable, LosesToken: true),
        new(0xB5, "CKR_SESSION_READ_ONLY", Misconfigured),
        new(0xB8, "CKR_SESSION_READ_WRITE_SO_EXISTS", Misconfigured),
        new(0xD0, "CKR_TEMPLATE_INCOMPLETE", Misconfigured),
        new(0xD1, "CKR_TEMPLATE_INCONSISTENT", Misconfigured),
        new(TokenNotPresent, "CKR_TOKEN_NOT_PRESENT", Unavailable, LosesToken: true),
        new(0xE1, "CKR_TOKEN_NOT_RECOGNIZED", Unavailable, LosesToken: true),
        new(0xE2, "CKR_TOKEN_WRITE_PROTECTED", Misconfigured),
        new(UserAlreadyLoggedIn, "CKR_USER_ALREADY_LOGGED_IN", Unavailable),
        new(UserNotLoggedIn, "CKR_USER_NOT_LOGGED_IN", Unavailable, LosesToken: true),
        new(0x102, "CKR_USER_PIN_NOT_INITIALIZED", Misconfigured),
        new(0x103, "CKR_USER_TYPE_INVALID", Misconfigured),
        new(0x104, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", Misconfigured),
        new(0x105, "CKR_USER_TOO_MANY_TYPES", Misconfigured),
        new(0x150, "CKR_BUFFER_TOO_SMALL", Misconfigured),
        new(CryptokiNotInitialized, "CKR_CRYPTOKI_NOT_INITIALIZED", Unavailable, LosesToken: true),
        new(CryptokiAlreadyInitialized, "CKR_CRYPTOKI_ALREADY_INITIALIZED", Unavailable),
        new(0x1C1, "CKR_FIPS_SELF_TEST_FAILED", Unavailable),
        new(0x1C2, "CKR_LIBRARY_LOAD_FAILED", Unavailable),
        new(0x200, "CKR_FUNCTION_REJECTED", Unavailable),
    }.ToFrozenDictionary(code => code.Value);

    public static ReturnCode Of(nuint value) => Known.TryGetValue(value, out var code)
        ? code
        : new ReturnCode(value, string.Create(CultureInfo.InvariantCulture, $"return code 0x{(ulong)value:X}"), Unavailable);

    /// <summary>The token has counted a wrong PIN, or takes none: another try brings it nearer to locking itself.</summary>
    public static bool RefusesPin(nuint value) => value is >= PinIncorrect and <= PinLocked;
}

/// <summary>A PKCS#11 function did not return CKR_OK.</summary>
internal sealed class CryptokiFault(string function, nuint code, string? more = null)
    : Exception($"{function}: {ReturnCodes.Of(code).Name}{(more is null ? "" : $". {more}")}")
{
    public ReturnCode Code { get; } = ReturnCodes.Of(code);

    public KeyStoreFault AsKeyStoreFault() => new(Code.Kind, $"The token does not do what it is asked: {Message}", this);
}
