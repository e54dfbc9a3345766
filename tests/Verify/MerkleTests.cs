using System.Text.Json;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify.Merkle;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Verify;

public sealed class MerkleTests
{
    [VectorsFact]
    public void Inclusion_proofs_are_taken_and_refused_as_published() => AssertAll("inclusion", 98, v => Proofs.Includes(
        Number(v, "leafIdx"), Number(v, "treeSize"), Root(v, "leafHash"), Proof(v), Root(v, "root")));

    [VectorsFact]
    public void Consistency_proofs_are_taken_and_refused_as_published() => AssertAll("consistency", 98, v => Proofs.Consistent(
        Number(v, "size1"), Number(v, "size2"), Proof(v), Root(v, "root1"), Root(v, "root2")));

    [VectorsFact]
    public void Inclusion_proofs_in_subtrees_are_taken_and_refused_as_published() => AssertAll("subtreeinclusion", 204, v => Proofs.SubtreeIncludes(
        Number(v, "leafIdx"), Number(v, "start"), Number(v, "end"), Root(v, "leafHash"), Proof(v), Root(v, "root")));

    [VectorsFact]
    public void Consistency_proofs_of_subtrees_are_taken_and_refused_as_published() => AssertAll("subtreeconsistency", 118, v => Proofs.SubtreeConsistent(
        Number(v, "start"), Number(v, "end"), Number(v, "size"), Proof(v), Root(v, "root1"), Root(v, "root2")));

    [Fact]
    public void A_compact_range_has_the_root_of_the_naive_tree_and_its_range_proofs_lead_there()
    {
        var leaves = Enumerable.Range(0, 70).Select(i => new[] { (byte)i }).ToArray();
        for (var size = 0; size <= leaves.Length; size++)
        {
            var root = Hash.Read(NaiveTree.Root(leaves.AsSpan(0, size)));
            for (var from = 0; from <= size; from += 1 + (size / 9))
            {
                for (var to = from; to <= size; to += 1 + (size / 11))
                {
                    var range = new CompactRange((ulong)from);
                    foreach (var leaf in leaves[from..to])
                    {
                        range.Append(Hash.Leaf(leaf));
                    }

                    Hash[] proof = [.. NaiveTree.Range(from, to, leaves[..size]).Select(h => Hash.Read(h))];
                    Assert.Equal(root, Proofs.Whole(range, (ulong)size, proof)?.Root());
                }
            }
        }
    }

    [Fact]
    public void Proofs_of_random_trees_hold_as_the_naive_tree_makes_them_and_not_with_a_bit_flipped() => Prop.ForAll(
        Gen.Choose(1, 60).SelectMany(n => Gen.Choose(0, n - 1).SelectMany(m => Gen.Choose(0, 1_000_000).Select(seed => (n, m, seed)))).ToArbitrary(),
        test =>
        {
            var (n, m, seed) = test;
            var leaves = Enumerable.Range(0, n).Select(i => BitConverter.GetBytes(seed + i)).ToArray();
            var root = Hash.Read(NaiveTree.Root(leaves));
            var leaf = Hash.Read(NaiveTree.Leaf(leaves[m]));
            Hash[] path = [.. NaiveTree.Path(m, leaves).Select(h => Hash.Read(h))];
            var small = Hash.Read(NaiveTree.Root(leaves.AsSpan(0, m)));
            Hash[] consistency = [.. NaiveTree.Consistency(m, leaves).Select(h => Hash.Read(h))];
            return Proofs.Includes((ulong)m, (ulong)n, leaf, path, root)
                && !Proofs.Includes((ulong)m, (ulong)n, leaf, [.. path, leaf], root)
                && path.Select((_, i) => i).All(i => !Proofs.Includes((ulong)m, (ulong)n, leaf, Flipped(path, i), root))
                && Proofs.Consistent((ulong)m, (ulong)n, consistency, small, root) == m > 0
                && consistency.Select((_, i) => i).All(i => !Proofs.Consistent((ulong)m, (ulong)n, Flipped(consistency, i), small, root));
        }).QuickCheckThrowOnFailure();

    private static Hash[] Flipped(Hash[] proof, int index)
    {
        var flipped = proof.ToArray();
        flipped[index] = flipped[index] with { Low = flipped[index].Low ^ 1 };
        return flipped;
    }

    private static void AssertAll(string kind, int count, Func<JsonElement, bool> accepts)
    {
        var vectors = Vectors.Merkle(kind).ToList();
        Assert.Equal(count, vectors.Count);
        Assert.Empty(vectors.Where(v => (HasHashes(v.Json) && accepts(v.Json)) == v.Json.GetProperty("wantErr").GetBoolean()).Select(v => v.Name));
    }

    // An empty hash does not come as far as the proofs: it is no hash for whoever reads one.
    private static bool HasHashes(JsonElement vector) => vector.EnumerateObject()
        .Where(p => p.Value.ValueKind == JsonValueKind.String && p.Name != "desc").All(p => p.Value.GetString()!.Length > 0 || Hash.FromBase64("") is not null);

    private static ulong Number(JsonElement vector, string name) => vector.GetProperty(name).GetUInt64();

    // Some roots in the vectors are words, to be compared only: what is no hash is hashed, and stays equal to itself alone.
    private static Hash Root(JsonElement vector, string name) => Read(vector.GetProperty(name));

    private static Hash Read(JsonElement text) => text.GetBytesFromBase64() is { Length: 32 } hash ? Hash.Read(hash) : Hash.Of(text.GetBytesFromBase64());

    private static Hash[] Proof(JsonElement vector) =>
        vector.GetProperty("proof") is { ValueKind: JsonValueKind.Array } proof ? [.. proof.EnumerateArray().Select(Read)] : [];
}
