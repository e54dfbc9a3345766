using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Audit.Transparency;

/// <summary>
/// What a log says of itself at one moment (C2SP tlog-checkpoint): origin, size and root, a line each, and when it was signed.
/// </summary>
public sealed class Checkpoint
{
    private const string Time = "time ";
    private const int MaxLines = 20;

    /// <exception cref="ArgumentException">There is no such checkpoint.</exception>
    public Checkpoint(string origin, long size, byte[] root, DateTimeOffset? at)
        : this(origin, size, root, at is { } time ? [string.Create(CultureInfo.InvariantCulture, $"{Time}{time.ToUnixTimeSeconds()}")] : [])
    {
        if (!IsOrigin(origin) || size < 0 || root.Length != MerkleTree.HashLength || at?.ToUnixTimeSeconds() < 0)
        {
            throw new ArgumentException(
                "A checkpoint has an origin of one line, a size, a root of 32 bytes, and a time since 1970.", nameof(origin));
        }
    }

    private Checkpoint(string origin, long size, byte[] root, ImmutableArray<string> extensions)
    {
        Origin = origin;
        Size = size;
        Root = root;
        Extensions = extensions;
        At = TimeOf(extensions);
    }

    public string Origin { get; }

    /// <summary>Leaves.</summary>
    public long Size { get; }

    public byte[] Root { get; }

    /// <summary>Lines after the root, as they stand, the time among them. Other logs write there what they like.</summary>
    public ImmutableArray<string> Extensions { get; }

    /// <summary>Whole seconds; null where the checkpoint does not say it, or says it twice or in another way.</summary>
    public DateTimeOffset? At { get; }

    /// <summary>Null for what is none.</summary>
    public static Checkpoint? Parse(string text)
    {
        if (text.Length > SignedNote.MaxLength || !LogText.IsPlain(text, SignedNote.MaxLength))
        {
            return null;
        }

        var lines = text.Split('\n', MaxLines + 2);
        return lines.Length is >= 4 and <= MaxLines + 1 && lines[^1].Length == 0 && IsOrigin(lines[0])
            && LogText.TryNumber(lines[1], out var size) && LogText.Hash(lines[2]) is { } root && !lines.AsSpan(3..^1).Contains("")
            ? new(lines[0], size, root, [.. lines[3..^1]])
            : null;
    }

    /// <summary>The text that is signed.</summary>
    public override string ToString()
    {
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n");
        foreach (var line in Extensions)
        {
            text.Append(line).Append('\n');
        }

        return text.ToString();
    }

    // Not only what is a key's name: other logs call themselves in other ways, with spaces.
    private static bool IsOrigin(string origin) =>
        origin.Length > 0 && !origin.Contains('\n', StringComparison.Ordinal) && LogText.IsPlain(origin, NoteKey.MaxNameLength);

    private static DateTimeOffset? TimeOf(ImmutableArray<string> extensions)
    {
        var times = extensions.Where(line => line.StartsWith(Time, StringComparison.Ordinal)).ToList();
        return times is [var only] && LogText.TryNumber(only.AsSpan(Time.Length), out var seconds) && seconds <= Cosignature.MaxSeconds
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;
    }
}
