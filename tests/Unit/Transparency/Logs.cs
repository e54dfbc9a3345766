using System.Security.Cryptography;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

/// <summary>Keys, leaves and checkpoints of logs that the tests make up.</summary>
internal static class Logs
{
    public const string Origin = "log.example/7";

    public static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);

    public static NoteKey Key { get; } = NoteKey.OfSeed(Origin, NoteSignatureKind.Ed25519, Seed(1));

    public static byte[] Seed(byte number) => SHA256.HashData([number]);

    public static NoteKey Witness(byte number) =>
        NoteKey.OfSeed($"witness.example/{number}", NoteSignatureKind.CosignatureEd25519, Seed(number));

    public static NoteSignature Cosign(string text, byte witness, int minutes = 0) =>
        SignedNote.Cosign(text, Witness(witness), Seed(witness), Noon.AddMinutes(minutes));

    /// <summary>A checkpoint of the log's first leaves, signed by it.</summary>
    public static SignedNote Signed(byte[][] leaves, int size, string origin = Origin) =>
        Signed(new Checkpoint(origin, size, MerkleTree.Root(size, Stored(leaves)), Noon));

    public static SignedNote Signed(Checkpoint checkpoint) => Signed(checkpoint.ToString());

    public static SignedNote Signed(string text) => SignedNote.Of(text).With([SignedNote.Sign(text, Key, Seed(1))]);

    public static byte[][] Leaves(int count, byte salt = 0) =>
        [.. Enumerable.Range(0, count).Select(i => MerkleTree.LeafHash([salt, .. BitConverter.GetBytes(i)]))];

    public static MerkleNode Stored(byte[][] leaves)
    {
        return Hash;

        byte[] Hash(int level, long index) =>
            level == 0 ? leaves[index] : MerkleTree.NodeHash(Hash(level - 1, 2 * index), Hash(level - 1, (2 * index) + 1));
    }
}
