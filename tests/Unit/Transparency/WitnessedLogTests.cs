using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

/// <summary>The decisions of a witness, in the order in which C2SP tlog-witness gives them.</summary>
public sealed class WitnessedLogTests
{
    private static readonly byte[][] Leaves = Logs.Leaves(40);
    private static readonly WitnessedLog Unseen = WitnessedLog.Unseen(Logs.Origin, Logs.Key);

    [Fact]
    public void A_log_that_grows_is_signed_from_its_first_checkpoint_on()
    {
        var log = Unseen;
        foreach (var size in (int[])[0, 0, 1, 7, 7, 8, 33, 40])
        {
            var decision = WitnessedLog.Decide(log, Parsed(Ask((int)log.Size, size)));
            Assert.Equal(200, decision.Status);
            log = decision.Latest!;
            Assert.Equal((size, Logs.Origin), ((int)log.Size, log.Origin));
            Assert.Equal(Root(size), log.Root);
        }
    }

    [Fact]
    public void What_is_no_request_is_400_and_what_is_of_no_log_404()
    {
        Assert.Equal(new(400, null), WitnessedLog.Decide(Unseen, null));
        Assert.Equal(new(404, null), WitnessedLog.Decide(null, Ask(0, 7)));
        var other = WitnessedLog.Unseen("log.example/8", Logs.Key);
        Assert.Equal(new(404, null), WitnessedLog.Decide(other, Ask(0, 7)));
    }

    [Fact]
    public void What_the_log_did_not_sign_is_403_before_anything_is_said_of_what_is_known()
    {
        var strangers = WitnessedLog.Unseen(Logs.Origin, NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.Ed25519, Logs.Seed(9)));
        Assert.Equal(new(403, null), WitnessedLog.Decide(strangers, Ask(0, 7)));
        Assert.Equal(new(403, null), WitnessedLog.Decide(strangers, Ask(8, 7)));
        Assert.Equal(new(403, null), WitnessedLog.Decide(At(7) with { Keys = strangers.Keys }, Ask(3, 8)));
    }

    [Fact]
    public void A_log_with_a_new_key_goes_on_where_it_was()
    {
        var rotated = At(7) with { Keys = [NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.Ed25519, Logs.Seed(9)), Logs.Key] };
        Assert.Equal(409, WitnessedLog.Decide(rotated, Ask(0, 8)).Status);
        Assert.Equal(200, WitnessedLog.Decide(rotated, Ask(7, 8)).Status);
    }

    [Fact]
    public void An_old_size_above_the_checkpoint_is_400() =>
        Assert.Equal(new(400, null), WitnessedLog.Decide(At(9), Request(9, 8, [])));

    [Theory]
    [InlineData(0, 8)]
    [InlineData(3, 8)]
    [InlineData(3, 7)]
    [InlineData(3, 5)]
    [InlineData(5, 5)]
    [InlineData(8, 9)]
    public void An_old_size_that_is_not_the_latest_is_409_with_the_latest(int old, int size)
    {
        var decision = WitnessedLog.Decide(At(7), Ask(old, size));
        Assert.Equal((409, 7L, false), (decision.Status, decision.Latest!.Size, decision.IsSplitView));
    }

    /// <summary>Two roots of one size, both signed by the log: also when the request is wrong in other ways.</summary>
    [Theory]
    [InlineData(7)]
    [InlineData(3)]
    [InlineData(0)]
    public void Another_root_of_the_size_that_was_signed_is_409_and_a_split_view(int old)
    {
        var other = Logs.Leaves(40, salt: 1);
        var request = AddCheckpoint.Of(old, MerkleTree.Consistency(old, 7, Logs.Stored(other)), Logs.Signed(other, 7));
        Assert.Equal(new(409, At(7), IsSplitView: true), WitnessedLog.Decide(At(7), request), Same);
    }

    /// <summary>The trap of (0, 0): nothing has one root.</summary>
    [Fact]
    public void A_checkpoint_of_no_leaves_with_another_root_than_nothing_has_is_not_signed()
    {
        var request = AddCheckpoint.Of(0, [], Logs.Signed(new Checkpoint(Logs.Origin, 0, new byte[32], null)));
        Assert.Equal(409, WitnessedLog.Decide(Unseen, request).Status);
    }

    [Fact]
    public void A_proof_that_does_not_hold_is_422()
    {
        var other = Logs.Leaves(40, salt: 1);
        AddCheckpoint[] wrong =
        [
            AddCheckpoint.Of(7, MerkleTree.Consistency(7, 8, Logs.Stored(other)), Logs.Signed(other, 8)),
            Request(7, 8, []),
            Request(7, 8, [.. MerkleTree.Consistency(7, 8, Logs.Stored(Leaves)), Leaves[0]]),
            Request(7, 7, [Leaves[0]]),
        ];
        Assert.All(wrong, request => Assert.Equal(new(422, null), WitnessedLog.Decide(At(7), request)));
        Assert.Equal(new(422, null), WitnessedLog.Decide(Unseen, Request(0, 8, [Leaves[0]])));
        Assert.Equal(new(422, null), WitnessedLog.Decide(Unseen, Request(0, 0, [Leaves[0]])));
    }

    [Fact]
    public void A_request_is_spelled_as_the_specification_says()
    {
        var note = Logs.Signed(Leaves, 3);
        var request = AddCheckpoint.Of(1, [Leaves[1], Leaves[2]], note);
        Assert.Equal(
            $"old 1\n{Convert.ToBase64String(Leaves[1])}\n{Convert.ToBase64String(Leaves[2])}\n\n{note}", request.ToString());
        Assert.Equal($"old 0\n\n{note}", AddCheckpoint.Of(0, [], note).ToString());
        Assert.Equal(request.ToString(), Parsed(request).ToString());
    }

    [Fact]
    public void What_is_no_request_is_refused()
    {
        var (note, hash) = (Logs.Signed(Leaves, 3), Convert.ToBase64String(Leaves[0]));
        string[] wrong =
        [
            "", "old 1", "old 1\n\n", $"{note}", $"\n{note}", $"old 1\n{note}", $"old 01\n\n{note}", $"old -1\n\n{note}", $"old\n\n{note}",
            $"old \n\n{note}", $"Old 1\n\n{note}", $"old 1 \n\n{note}", $"old 9223372036854775808\n\n{note}", $"old 1\n{hash} \n\n{note}",
            $"old 1\r\n\n{note}", $"old 1\n{hash[..40]}\n\n{note}", $"old 1\n\n{note.Text}",
            $"old 1\n\n{Logs.Signed("text\n")}", $"old 1\n\n\n{note}",
            $"old 1\n{string.Concat(Enumerable.Repeat(hash + "\n", 64))}\n{note}", $"old 1\n\n{note}more",
        ];
        Assert.All(wrong, body => Assert.Null(AddCheckpoint.Parse(body)));
        Assert.NotNull(AddCheckpoint.Parse($"old 1\n{string.Concat(Enumerable.Repeat(hash + "\n", 63))}\n{note}"));
        Assert.Throws<ArgumentException>(() => AddCheckpoint.Of(0, [], Logs.Signed("text\n")));
        Assert.Throws<ArgumentException>(() => AddCheckpoint.Of(0, [], SignedNote.Of(note.Text)));
        Assert.Throws<ArgumentException>(() => AddCheckpoint.Of(-1, [], note));
    }

    [Fact]
    public void Answers_are_read_strictly()
    {
        Assert.Equal(0, AddCheckpoint.SizeOf("0\n"));
        Assert.Equal(20852014, AddCheckpoint.SizeOf("20852014\n"));
        string[] none = ["", "\n", "7", "07\n", "7\n\n", " 7\n", "-7\n", "9223372036854775808\n"];
        Assert.All(none, text => Assert.Null(AddCheckpoint.SizeOf(text)));

        var note = Logs.Signed(Leaves, 3);
        var lines = SignedNote.Of(note.Text).With([Logs.Cosign(note.Text, 2), Logs.Cosign(note.Text, 3)]).SignatureLines();
        var cosigned = AddCheckpoint.Cosigned(note, lines)!;
        Assert.Equal($"{note}{lines}", cosigned.ToString());
        Assert.True(cosigned.IsSignedBy(Logs.Witness(3), out _));

        // An answer that brings a text of its own would have another text signed.
        var other = Logs.Signed(Leaves, 4);
        Assert.Null(AddCheckpoint.Cosigned(note, $"\n{other}"));
        Assert.Null(AddCheckpoint.Cosigned(note, $"{lines}\n{lines}"));
        Assert.Null(AddCheckpoint.Cosigned(note, ""));
        Assert.Null(AddCheckpoint.Cosigned(note, "<html>"));
    }

    private static readonly EqualityComparer<WitnessDecision> Same = EqualityComparer<WitnessDecision>.Create((a, b) =>
        a!.Status == b!.Status && a.IsSplitView == b.IsSplitView && a.Latest!.Size == b.Latest!.Size
        && a.Latest.Root.AsSpan().SequenceEqual(b.Latest.Root));

    private static byte[] Root(int size) => MerkleTree.Root(size, Logs.Stored(Leaves));

    private static WitnessedLog At(int size) => Unseen with { Size = size, Root = Root(size) };

    private static AddCheckpoint Ask(int old, int size) =>
        Request(old, size, old > size ? [] : MerkleTree.Consistency(old, size, Logs.Stored(Leaves)));

    private static AddCheckpoint Request(int old, int size, IEnumerable<byte[]> proof) =>
        AddCheckpoint.Of(old, proof, Logs.Signed(Leaves, size));

    private static AddCheckpoint Parsed(AddCheckpoint request) => AddCheckpoint.Parse(request.ToString())!;
}
