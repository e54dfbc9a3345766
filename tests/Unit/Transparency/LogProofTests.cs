using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class LogProofTests
{
    private static readonly byte[][] Leaves = Logs.Leaves(100);
    private static readonly SignedNote Head = Logs.Signed(Leaves, 100);

    [Fact]
    public void A_proof_holds_as_it_was_written_and_read()
    {
        var policy = WitnessPolicy.Parse($"witness w {Logs.Witness(2)}\nthreshold 1\n", out _);
        var cosigned = Head.With([Logs.Cosign(Head.Text, 2)]);
        foreach (var extra in (byte[]?[])[null, [1], new byte[LogProof.MaxExtra]])
        {
            var text = new LogProof(37, Path(37), cosigned, extra).ToString();
            var read = LogProof.Parse(text)!;
            Assert.Equal(text, read.ToString());
            Assert.Equal(extra, read.Extra);
            Assert.Equal(LogProofVerdict.Holds, read.Verify(Leaves[37], Logs.Key, policy));
            Assert.Equal(LogProofVerdict.Holds, read.Verify(Leaves[37], Logs.Key, null));
        }
    }

    [Fact]
    public void A_proof_is_spelled_as_the_specification_says()
    {
        var two = Logs.Signed(Leaves, 2);
        Assert.Equal(
            $"c2sp.org/tlog-proof@v1\nextra AQI=\nindex 1\n{Convert.ToBase64String(Leaves[0])}\n\n{two}",
            new LogProof(1, [Leaves[0]], two, [1, 2]).ToString());
    }

    [Fact]
    public void What_a_proof_does_not_show_is_named()
    {
        var policy = WitnessPolicy.Parse($"witness w {Logs.Witness(2)}\nthreshold 1\n", out _);
        var proof = new LogProof(37, Path(37), Head);
        Assert.Equal(LogProofVerdict.NotIncluded, proof.Verify(Leaves[38], Logs.Key, null));
        Assert.Equal(LogProofVerdict.NotIncluded, new LogProof(36, Path(37), Head).Verify(Leaves[37], Logs.Key, null));
        Assert.Equal(LogProofVerdict.NotIncluded, new LogProof(100, Path(37), Head).Verify(Leaves[37], Logs.Key, null));
        Assert.Equal(LogProofVerdict.NotWitnessed, proof.Verify(Leaves[37], Logs.Key, policy));
        var another = NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.Ed25519, Logs.Seed(9));
        Assert.Equal(LogProofVerdict.NotSigned, proof.Verify(Leaves[37], another, null));
        var elsewhere = NoteKey.OfSeed("log.example/8", NoteSignatureKind.Ed25519, Logs.Seed(1));
        Assert.Equal(LogProofVerdict.OtherLog, proof.Verify(Leaves[37], elsewhere, null));

        // The log's key under a checkpoint of another origin: signed, and still of another log.
        var foreign = Logs.Signed(Leaves, 100, "log.example/8");
        Assert.Equal(LogProofVerdict.OtherLog, new LogProof(37, Path(37), foreign).Verify(Leaves[37], Logs.Key, null));
    }

    [Fact]
    public void What_is_no_proof_is_refused()
    {
        var hash = Convert.ToBase64String(Leaves[0]);
        string[] wrong =
        [
            "", "\n\n", $"{Head}",
            $"index 1\n{hash}\n\n{Head}",
            $"c2sp.org/tlog-proof@v2\nindex 1\n{hash}\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\n{hash}\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nextra AQI=\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nextra \nindex 1\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nextra AQJ=\nindex 1\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nextra AQI=\nextra AQI=\nindex 1\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 1\nextra AQI=\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 01\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex -1\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n{hash} \n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n{hash[..40]}\n\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n{hash}\n{Head}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n\n{Head.Text}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n\n{Logs.Signed("text\n")}",
            $"c2sp.org/tlog-proof@v1\nindex 1\n{Many(64, hash)}\n{Head}",
            $"c2sp.org/tlog-proof@v1\nextra {Convert.ToBase64String(new byte[LogProof.MaxExtra + 1])}\nindex 1\n\n{Head}",
        ];
        Assert.All(wrong, text => Assert.Null(LogProof.Parse(text)));
        Assert.NotNull(LogProof.Parse($"c2sp.org/tlog-proof@v1\nindex 1\n{Many(63, hash)}\n{Head}"));
        Assert.Throws<ArgumentException>(() => new LogProof(1, [], Logs.Signed("text\n")));
        Assert.Throws<ArgumentException>(() => new LogProof(-1, [], Head));
        Assert.Throws<ArgumentException>(() => new LogProof(1, [new byte[31]], Head));
        Assert.Throws<ArgumentException>(() => new LogProof(1, [], Head, []));
    }

    private static string Many(int count, string line) => string.Concat(Enumerable.Repeat(line + "\n", count));

    private static List<byte[]> Path(long index) => MerkleTree.Inclusion(index, 100, Logs.Stored(Leaves));
}
