using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
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

    private readonly string _path;
    private int _place;

    /// <exception cref="InvalidDataException">There is a file, and neither place holds a checkpoint.</exception>
    public SignedCheckpointFile(string path)
    {
        _path = path;
        if (!File.Exists(path))
        {
            return;
        }

        var bytes = File.ReadAllBytes(path);
        for (var place = 0; place < 2; place++)
        {
            if (Read(bytes, place) is { } checkpoint && (Last is null || checkpoint.Size >= Last.Size))
            {
                Last = checkpoint;
                _place = place;
            }
        }

        if (Last is null && bytes.Length > 0)
        {
            throw new InvalidDataException(
                $"{path} holds no checkpoint. Next step: restore it; without it this witness could sign a second history");
        }
    }

    /// <summary>Null when none was signed.</summary>
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
        using var file = new FileStream(_path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Position = (long)(1 - _place) * PlaceLength;
        file.Write(bytes);
        file.Flush(flushToDisk: true);
        _place = 1 - _place;
        Last = checkpoint;
    }

    private static Checkpoint? Read(byte[] bytes, int place)
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

        return SignedNote.Parse(Encoding.UTF8.GetString(at.Slice(Head, length))) is { } note ? Checkpoint.Parse(note.Text) : null;
    }
}
