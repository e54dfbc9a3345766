using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.System.Witnessing;

/// <summary>A log as RFC 6962, section 2.1, defines it, by recursion; and a second history of it from any leaf on.</summary>
internal sealed class NaiveLog(string origin, byte seed)
{
    private readonly byte[] _seed = SHA256.HashData([seed]);
    private readonly List<byte[]> _leaves = [];

    public NoteKey Key => NoteKey.Of(origin, NoteSignatureKind.Ed25519, Ed25519.PublicKey(_seed));

    public int Size => _leaves.Count;

    public NaiveLog Grow(int leaves, string history = "")
    {
        for (var i = 0; i < leaves; i++)
        {
            _leaves.Add(SHA256.HashData([0, .. Encoding.UTF8.GetBytes($"{history}{_leaves.Count}")]));
        }

        return this;
    }

    /// <summary>The same key, the same leaves up to this size, then others.</summary>
    public NaiveLog Forked(int at)
    {
        var fork = new NaiveLog(origin, seed);
        fork._leaves.AddRange(_leaves.Take(at));
        return fork;
    }

    public SignedNote Note(int? size = null)
    {
        var text = new Checkpoint(origin, size ?? Size, Root(0, size ?? Size), null).ToString();
        return SignedNote.Of(text).With([SignedNote.Sign(text, Key, _seed)]);
    }

    public List<byte[]> Proof(int older, int? newer = null) =>
        older == 0 || older == (newer ?? Size) ? [] : Consistency(older, 0, newer ?? Size, isWhole: true);

    private byte[] Root(int from, int to)
    {
        if (to - from < 2)
        {
            return to == from ? SHA256.HashData([]) : _leaves[from];
        }

        var half = from + Half(to - from);
        return SHA256.HashData([1, .. Root(from, half), .. Root(half, to)]);
    }

    private List<byte[]> Consistency(int older, int from, int to, bool isWhole)
    {
        if (older == to - from)
        {
            return isWhole ? [] : [Root(from, to)];
        }

        var half = Half(to - from);
        return older <= half
            ? [.. Consistency(older, from, from + half, isWhole), Root(from + half, to)]
            : [.. Consistency(older - half, from + half, to, isWhole: false), Root(from, from + half)];
    }

    private static int Half(int leaves)
    {
        var half = 1;
        while (half * 2 < leaves)
        {
            half *= 2;
        }

        return half;
    }
}
