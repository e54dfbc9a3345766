using System.Text;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using Bulkhead.Verify.Export;
using Bulkhead.Verify.Totals;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Of a small export no byte can change, whoever repairs the digest at its end.</summary>
public sealed class FlippedByteTests
{
    private static readonly TestKey Witness = new("w.example", 4);

    private readonly TestExport export;

    public FlippedByteTests()
    {
        var (log, heads) = (TenantLog.Of(4), new HeadsLog());
        log.Put(2, log.Body(2), ("bytes", [2, .. new byte[32]]), ("reads", [3, .. new byte[32]]));
        heads.Add(TenantLog.Of(1, "018f4b5e-0000-7000-8000-000000000002"), 1);
        heads.Add(log, 4);
        export = Of(log, 1, 3, earlier: [2], heads: heads, tiles: true, disclosed: i => [TenantLog.Disclosure(i)])
            .WithHead(1, null, Witness).WithAllHeads().Hide(2);
    }

    [Fact]
    public void No_byte_of_an_export_can_be_flipped()
    {
        export.Lines.RemoveAll(l => (string?)l["type"] is "head" or "heads");
        Assert.Empty(Survivors(export.Bytes(), export.Trust(), repaired: false));
    }

    /// <summary>What people read about the selection is nobody's word; all else is checked for itself, not by the digest at the end alone.</summary>
    [Fact]
    public void No_byte_of_an_export_can_be_flipped_though_the_digest_at_its_end_is_made_to_fit()
    {
        export.Line("header").Remove("selection");
        export.Line("header").Remove("logKeys");
        export.Line("header").Remove("headsKeys");
        Assert.Empty(Survivors(export.Bytes(), export.Trust([Witness], 1), repaired: true));
    }

    [Fact]
    public void No_byte_of_a_total_can_be_flipped_though_the_digest_at_its_end_is_made_to_fit()
    {
        var prover = NaiveProver.Of(4).Commit(2, "bytes", 7);
        var small = Of(prover.Log, 1, 3, earlier: [1]).Hide(1).Hide(2);
        foreach (var member in new[] { "selection", "logKeys", "headsKeys", "headsOrigin" })
        {
            small.Line("header").Remove(member);
        }

        small.Lines.Add(prover.Line("total", "bytes", 7, 1, 3, older: 1));
        var bytes = small.Bytes();
        Assert.Empty(Survivors(bytes, small.Trust(), repaired: true, from: bytes.AsSpan().LastIndexOf("{\"type\":\"total\""u8)));
    }

    [Fact]
    public void No_byte_of_a_proof_of_numbers_below_a_bound_can_be_flipped()
    {
        var prover = NaiveProver.Of(4).Commit(2, "bytes", 7);
        var line = prover.Line("below", "bytes", System.Numerics.BigInteger.Pow(2, 64), 1, 3);
        var proof = Convert.FromBase64String((string)line["proof"]!);
        var point = prover.Log.Commitments[2]["bytes"];
        var root = Bulkhead.Verify.Merkle.Hash.Read(prover.Log.Root(4));
        var statement = new Statement(
            TotalKind.Below, prover.Log.Tenant, prover.Log.Origin, new(0, Bulkhead.Verify.Merkle.Hash.Empty), new(4, root), 1, 3, "bytes", Statement.LargestBound);
        string? Fault(byte[] given)
        {
            // Its own each time: what it hashes with takes one thread at a time.
            using var numbers = new CommittedNumbers();
            numbers.Add(2, point, Point.Read(point)!.Value);
            return TotalProof.Fault(statement, numbers, given);
        }

        Assert.Null(Fault(proof));
        Assert.Empty(Enumerable.Range(0, proof.Length).AsParallel().Where(i =>
        {
            var flipped = proof.ToArray();
            flipped[i] ^= (byte)(1 << (i % 8));
            return Fault(flipped) is null;
        }));
    }

    private static string[] Survivors(byte[] bytes, Trust trust, bool repaired, int from = 0)
    {
        AssertHolds(VerifyBytes(bytes, trust));
        var beforeEnd = bytes.AsSpan(0, bytes.Length - 1).LastIndexOf((byte)'\n') + 1;
        return
        [
            .. Enumerable.Range(from, (repaired ? beforeEnd : bytes.Length) - from).AsParallel().Where(i =>
            {
                // Another bit of each byte in turn, so that all are met: those of letters' case, of digits, and what is no ASCII.
                var flipped = bytes.ToArray();
                flipped[i] ^= (byte)(1 << (i % 8));
                if (repaired)
                {
                    var before = flipped[..beforeEnd];
                    flipped = [.. before, .. Encoding.UTF8.GetBytes(EndOf(before, 2).ToJsonString() + "\n")];
                }

                return Holds(flipped, trust);
            }).Select(i => $"byte {i}: {Encoding.UTF8.GetString(bytes.AsSpan(Math.Max(0, i - 30), Math.Min(30, i)))}|{(char)bytes[i]}"),
        ];
    }

    private static bool Holds(byte[] bytes, Trust trust)
    {
        try
        {
            return VerifyBytes(bytes, trust).Holds;
        }
        catch (UnreadableException)
        {
            return false;
        }
    }
}
