using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class WitnessPolicyTests
{
    private static readonly SignedNote Head = Logs.Signed(Logs.Leaves(5), 5);

    [Fact]
    public void As_many_witnesses_as_the_threshold_says_are_enough_and_one_less_is_not()
    {
        var policy = Policy(2, 2, 3, 4);
        var two = policy.Judge(Head.With([Logs.Cosign(Head.Text, 2), Logs.Cosign(Head.Text, 4, 1)]));
        Assert.True(two.IsMet);
        Assert.Equal([new("w2", Logs.Noon), new("w4", Logs.Noon.AddMinutes(1))], two.Witnesses.AsEnumerable());
        Assert.False(policy.Judge(Head.With([Logs.Cosign(Head.Text, 3)])).IsMet);
        Assert.False(policy.Judge(Head).IsMet);
    }

    [Fact]
    public void A_witness_counts_once_however_often_and_with_however_many_keys_it_signs()
    {
        Assert.False(Policy(2, 2, 3).Judge(Head.With([Logs.Cosign(Head.Text, 2), Logs.Cosign(Head.Text, 2, 1)])).IsMet);
        var policy = WitnessPolicy.Parse(
            $"witness a {Logs.Witness(2)}\nwitness a {Logs.Witness(3)}\nwitness b {Logs.Witness(4)}\nthreshold 2\n", out _)!;
        var judged = policy.Judge(Head.With([Logs.Cosign(Head.Text, 2, 4), Logs.Cosign(Head.Text, 3, 2)]));
        Assert.False(judged.IsMet);
        Assert.Equal([new Witnessed("a", Logs.Noon.AddMinutes(2))], judged.Witnesses.AsEnumerable());
    }

    [Fact]
    public void Who_is_not_in_the_policy_or_signed_something_else_does_not_count()
    {
        var policy = Policy(1, 2);
        Assert.False(policy.Judge(Head.With([Logs.Cosign(Head.Text, 3)])).IsMet);
        var other = Logs.Signed(Logs.Leaves(6), 6);
        var judged = policy.Judge(Head.With([Logs.Cosign(other.Text, 2)]));
        Assert.False(judged.IsMet);
        Assert.Equal(["w2"], judged.Wrong.AsEnumerable());
    }

    [Fact]
    public void A_cosignature_without_a_time_does_not_count()
    {
        var timeless = SignedNote.Cosign(Head.Text, Logs.Witness(2), Logs.Seed(2), DateTimeOffset.UnixEpoch);
        Assert.False(Policy(1, 2).Judge(Head.With([timeless])).IsMet);
    }

    [Fact]
    public void Comments_and_empty_lines_are_skipped()
    {
        var policy = WitnessPolicy.Parse($"# ours\n\n  witness\tw2  {Logs.Witness(2)}\r\n  # theirs\nthreshold 1", out var why);
        Assert.Null(why);
        Assert.Equal(1, policy!.Threshold);
        Assert.Equal(["w2"], policy.Names);
    }

    [Fact]
    public void What_is_no_policy_is_refused_and_its_line_named()
    {
        var (two, three) = (Logs.Witness(2).ToString(), Logs.Witness(3).ToString());
        (string Text, string Why)[] wrong =
        [
            ("", "threshold K"),
            ($"witness a {two}\n", "threshold K"),
            ("threshold 1\n", "threshold K"),
            ($"witness a {two}\nthreshold 2\n", "threshold K"),
            ($"witness a {two}\nwitness a {three}\nthreshold 2\n", "threshold K"),
            ($"witness a {two}\nthreshold 0\n", "Line 2"),
            ($"witness a {two}\nthreshold 01\n", "Line 2"),
            ($"witness a {two}\nthreshold -1\n", "Line 2"),
            ($"witness a {two}\nthreshold 1\nthreshold 1\n", "Line 3"),
            ($"witness {two}\nthreshold 1\n", "Line 1"),
            ($"witness a {two} extra\nthreshold 1\n", "Line 1"),
            ($"witness a {Logs.Key}\nthreshold 1\n", "Line 1: This is no verifier key of cosignatures"),
            ($"witness a {two}x\nthreshold 1\n", "Line 1: This is no verifier key"),
            ($"witness a {two}\nwitness b {two}\nthreshold 2\n", "Line 2: The key stands there already"),
            ($"witness a {two}\nwitness b {Renamed(2)}\nthreshold 2\n", "Line 2: The key stands there already"),
            ($"quorum a\nwitness a {two}\nthreshold 1\n", "Line 1"),
            (new string('\n', WitnessPolicy.MaxLength + 1), "characters"),
        ];
        foreach (var (text, expected) in wrong)
        {
            Assert.Null(WitnessPolicy.Parse(text, out var why));
            Assert.Contains(expected, why, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void There_are_not_more_witnesses_than_is_said()
    {
        static string Text(int count) =>
            string.Concat(Enumerable.Range(0, count).Select(i => $"witness w{i} {Numbered(i)}\n")) + "threshold 1\n";
        Assert.NotNull(WitnessPolicy.Parse(Text(WitnessPolicy.MaxWitnesses), out _));
        Assert.Null(WitnessPolicy.Parse(Text(WitnessPolicy.MaxWitnesses + 1), out _));
    }

    private static NoteKey Numbered(int number) =>
        NoteKey.Of("w", NoteSignatureKind.CosignatureEd25519, System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(number)));

    private static NoteKey Renamed(byte witness) =>
        NoteKey.OfSeed("another.example", NoteSignatureKind.CosignatureEd25519, Logs.Seed(witness));

    private static WitnessPolicy Policy(int threshold, params byte[] witnesses) => WitnessPolicy.Parse(
        string.Concat(witnesses.Select(w => $"witness w{w} {Logs.Witness(w)}\n")) + $"threshold {threshold}\n", out _)!;
}
