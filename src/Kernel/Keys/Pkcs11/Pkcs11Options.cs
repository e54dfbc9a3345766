using System.Text;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// Where the token with the root keys is. Every limit is finite; Validate lists all faults at once. The token wraps with AES-256-GCM;
/// tokens do not hold post-quantum keys yet (SoftHSM has neither ML-KEM nor ML-DSA), so seeds of those are wrapped by the token and
/// used in this process.
/// </summary>
public sealed record Pkcs11Options
{
    /// <summary>Absolute path of the PKCS#11 library that the maker of the HSM ships.</summary>
    public required string Library { get; init; }

    /// <summary>Label of the token, 1 to 32 bytes; exactly one slot has it.</summary>
    public required string TokenLabel { get; init; }

    /// <summary>Absolute path of a file with the user PIN that only its owner reads. One line feed at its end does not count.</summary>
    public required string PinFile { get; init; }

    /// <summary>Calls that the token has at a time, each on a session of its own; 1 to 64.</summary>
    public int MaxSessions { get; init; } = 8;

    /// <summary>A root's label is this, a space and its number: installations that share a token differ in it. 1 to 64 ASCII letters,
    /// digits, spaces, dots and dashes.</summary>
    public string KeyLabelPrefix { get; init; } = "bulkhead root";

    /// <summary>Waiting for a free session and for the token's answer, together; 100 ms to 60 s.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(5);

    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        // A bare name would be searched for, and somebody else's library found.
        Check(Path.IsPathFullyQualified(Library), "Library is an absolute path");
        Check(Encoding.UTF8.GetByteCount(TokenLabel) is >= 1 and <= 32 && TokenLabel.Trim() == TokenLabel,
            "TokenLabel has 1 to 32 bytes and no spaces around it");
        Check(Path.IsPathFullyQualified(PinFile), "PinFile is an absolute path");
        Check(MaxSessions is >= 1 and <= 64, "MaxSessions is 1 to 64");
        Check(KeyLabelPrefix.Length is >= 1 and <= 64 && KeyLabelPrefix.All(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '.' or '-'),
            "KeyLabelPrefix has 1 to 64 ASCII letters, digits, spaces, dots and dashes");
        Check(OperationTimeout >= TimeSpan.FromMilliseconds(100) && OperationTimeout <= TimeSpan.FromSeconds(60),
            "OperationTimeout is 100 ms to 60 s");
        return faults;

        void Check(bool holds, string rule)
        {
            if (!holds)
            {
                faults.Add(rule);
            }
        }
    }
}
