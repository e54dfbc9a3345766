using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Host.Local;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Host.Witnessing;

/// <summary>
/// The last checkpoint of a log that was signed, in one of two places of a file that are written in turn: a write that is torn leaves the
/// other. Nothing is renamed, so nothing waits for a folder to come to the disk. A place: length (4 bytes, big endian), SHA-256 of the
/// note (32), the note.
/// </summary>
internal sealed class SignedCheckpointFile
{
    private const int Head = 4 + SHA256.HashSizeInBytes;

    // Of the format, so that it stays when a limit of notes changes: who looked for the second place elsewhere would go back to the first.
    private const int PlaceLength = 512 * 1024;

    private int _place;

    /// <exception cref="StartFault">There is a file, and neither place holds a checkpoint.</exception>
    public SignedCheckpointFile(string path)
    {
        Path = path;
        if (!File.Exists(path))
        {
            return;
        }

        var bytes = File.ReadAllBytes(path);
        for (var place = 0; place < 2; place++)
        {
            if (Read(bytes, place) is { } note && Checkpoint.Parse(note.Text) is { } checkpoint
                && (Last is null || checkpoint.Size >= Last.Size))
            {
                Last = checkpoint;
                Note = $"{note}";
                _place = place;
            }
        }

        if (Last is null && bytes.Length > 0)
        {
            throw new StartFault(
                $"{path} is damaged, which says what this witness signed. "
                + "Next step: bring it back, or begin with an empty folder, so with other keys");
        }
    }

    public string Path { get; }

    /// <summary>As the log signed it; null when none was signed.</summary>
    public string? Note { get; private set; }

    /// <summary>What the note says.</summary>
    public Checkpoint? Last { get; private set; }

    /// <summary>On the disk when this returns.</summary>
    public void Keep(SignedNote note, Checkpoint checkpoint)
    {
        var text = Encoding.UTF8.GetBytes(note.ToString());
        ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, PlaceLength - Head);
        var bytes = new byte[Head + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, text.Length);
        SHA256.HashData(text, bytes.AsSpan(4, SHA256.HashSizeInBytes));
        text.CopyTo(bytes, Head);
        using var file = new FileStream(Path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            UnixCreateMode = DurableFile.OwnerOnly,
        });
        file.Position = (long)(1 - _place) * PlaceLength;
        file.Write(bytes);
        file.Flush(flushToDisk: true);
        _place = 1 - _place;
        Last = checkpoint;
        Note = $"{note}";
    }

    private static SignedNote? Read(byte[] bytes, int place)
    {
        var at = bytes.AsSpan(Math.Min(bytes.Length, place * PlaceLength));
        if (at.Length < Head)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32BigEndian(at);
        if (length <= 0 || length > Math.Min(at.Length, PlaceLength) - Head
            || !SHA256.HashData(at.Slice(Head, length)).AsSpan().SequenceEqual(at.Slice(4, SHA256.HashSizeInBytes)))
        {
            return null;
        }

        return SignedNote.Parse(at.Slice(Head, length));
    }
}
