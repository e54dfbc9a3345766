using System.Security.Cryptography;
using Bulkhead.Kernel.Proofs;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>
/// A proof is of its statement and of no other: whatever is exchanged, it fails. And each part is in the transcript before the first
/// challenge: what is left out there lets a prover choose it afterwards (the fault known as the frozen heart).
/// </summary>
public sealed class StatementTests
{
    private static readonly TrialLog Log = TrialLog.Of(500, 0, 12, 88);

    public static TheoryData<string> Parts =>
        new(Others(Log.Range).Select(o => o.Part).Concat(["attribute", "number", "kind"]));

    [Theory]
    [MemberData(nameof(Parts))]
    public void Each_part_changes_the_first_challenge(string part)
    {
        var statement = Statement.TotalBelow(Log.Range, TrialLog.Attribute, 1000);
        Assert.NotEqual(First(statement, Generators.Ours), First(Other(statement, part), Generators.Ours));

        static byte[] First(Statement statement, Generators generators) => statement.Begin(generators).State.ToArray();
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void A_total_of_another_statement_does_not_hold(string part)
    {
        var statement = Statement.Total(Log.Range, TrialLog.Attribute, Log.Total);
        var proof = TotalProof.Prove(statement, Log.Opening());
        Assert.Equal(ProofVerdict.Holds, TotalProof.Verify(statement, Log.Commitments(), proof));
        var other = Other(statement, part);
        if (part == "kind")
        {
            Assert.Throws<ArgumentException>(() => TotalProof.Verify(other, Log.Commitments(), proof));
            return;
        }

        Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(other, (Log with { Range = other.Range }).Commitments(), proof));
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void A_total_below_a_bound_of_another_statement_does_not_hold(string part)
    {
        var statement = Statement.TotalBelow(Log.Range, TrialLog.Attribute, 1000);
        var proof = TotalBelowProof.Prove(statement, Log.Opening());
        Assert.Equal(ProofVerdict.Holds, TotalBelowProof.Verify(statement, Log.Commitments(), proof));
        var other = Other(statement, part);
        if (part == "kind")
        {
            Assert.Throws<ArgumentException>(() => TotalBelowProof.Verify(other, Log.Commitments(), proof));
            return;
        }

        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(other, (Log with { Range = other.Range }).Commitments(), proof));
    }

    [Theory]
    [MemberData(nameof(Parts))]
    public void Proofs_of_each_act_of_another_statement_do_not_hold(string part)
    {
        var log = TrialLog.Of(5);
        var statement = Statement.EachBelow(log.Range, TrialLog.Attribute, 1000);
        var acts = log.WithProofs(EachBelowProof.Prove(statement, log.Openings())).ToList();
        Assert.Equal((ProofVerdict.Holds, null), EachBelowProof.Verify(statement, acts));
        var other = Other(statement, part);
        if (part == "kind")
        {
            Assert.Throws<ArgumentException>(() => EachBelowProof.Verify(other, acts));
            return;
        }

        Assert.Equal((ProofVerdict.DoesNotHold, 10UL), EachBelowProof.Verify(other, acts));
    }

    [Fact]
    public void Swapped_and_foreign_generators_do_not_verify()
    {
        var foreign = new Generators("Another-V01-with-P256_XMD:SHA-256_SSWU_RO_");
        Assert.NotEqual(foreign.Digest, Generators.Ours.Digest);
        var total = Statement.Total(Log.Range, TrialLog.Attribute, Log.Total);
        var proof = TotalProof.Prove(total, Log.Opening());
        Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(foreign, total, Log.Commitments(), proof));
        var below = Statement.TotalBelow(Log.Range, TrialLog.Attribute, 1000);
        proof = TotalBelowProof.Prove(below, Log.Opening());
        Assert.Equal(ProofVerdict.DoesNotHold, TotalBelowProof.Verify(foreign, below, Log.Commitments(), proof));

        // A commitment with G and H exchanged: value · H + blinding · G.
        var act = Log.Acts[0];
        var swapped = P256.Sum(act.Blinding, [Generators.Ours.Blinding], [Residue<GroupOrder>.From(act.Value)]).ToBytes();
        var log = Log with { Acts = [act with { Commitment = swapped }, .. Log.Acts.Skip(1)] };
        Assert.Equal(ProofVerdict.DoesNotHold, TotalProof.Verify(total, log.Commitments(), TotalProof.Prove(total, log.Opening())));
    }

    [Fact]
    public void The_digest_of_the_generators_is_in_the_transcript()
    {
        var foreign = new Generators("Another-V01-with-P256_XMD:SHA-256_SSWU_RO_");
        Assert.False(new Transcript(foreign).State.SequenceEqual(new Transcript(Generators.Ours).State));
    }

    [Fact]
    public void Pieces_that_read_the_same_in_a_row_are_not_the_same()
    {
        Assert.NotEqual(State(t => t.Append("a"u8, "bc"u8)), State(t => t.Append("ab"u8, "c"u8)));
        // The same bytes in a row, but for the length of the label.
        Assert.NotEqual(
            State(t => t.Append("a"u8, [0, 0, 0, 0, 0, 0, 0, 1, 7])), State(t => t.Append("a\0\0\0\0\0\0\0\t"u8, [7])));
        Assert.NotEqual(
            State(t => { t.Append("a"u8, "b"u8); t.Append("a"u8, "c"u8); }),
            State(t => { t.Append("a"u8, "c"u8); t.Append("a"u8, "b"u8); }));
        Assert.NotEqual(State(t => t.Append("a"u8, ""u8)), State(_ => { }));
        Assert.NotEqual(State(t => t.Challenge("a"u8)), State(_ => { }));
        Assert.NotEqual(State(t => t.Challenge("a"u8)), State(t => t.Challenge("b"u8)));

        static byte[] State(Action<Transcript> said)
        {
            var transcript = new Transcript(Generators.Ours);
            said(transcript);
            return transcript.State.ToArray();
        }
    }

    [Fact]
    public void Ranges_bounds_and_names_that_mean_nothing_are_refused()
    {
        var range = Log.Range;
        Assert.Throws<ArgumentException>(() => new LogRange(range.Tenant, range.Origin, range.Older, range.Newer, 7, 20));
        Assert.Throws<ArgumentException>(() => new LogRange(range.Tenant, range.Origin, range.Older, range.Newer, 21, 20));
        Assert.Throws<ArgumentException>(() => new LogRange(range.Tenant, range.Origin, range.Older, range.Newer, 20, 1001));
        Assert.Throws<ArgumentException>(() => new LogRange("", range.Origin, range.Older, range.Newer, 20, 30));
        Assert.Throws<ArgumentException>(() => new LogRange(range.Tenant, new string('o', 513), range.Older, range.Newer, 20, 30));
        Assert.ThrowsAny<ArgumentException>(() => Statement.Total(range, "\ud800", 1));
        Assert.Throws<ArgumentException>(() => new TreeHead(1, new byte[31]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Statement.TotalBelow(range, "a", 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Statement.EachBelow(range, "a", Statement.HighestBound + 1));
    }

    private static Statement Other(Statement statement, string part) => part switch
    {
        "attribute" => Again(statement.Kind, statement.Range, "recordsRead", statement.Number),
        "number" => Again(statement.Kind, statement.Range, statement.Attribute, statement.Number + 1),
        "kind" => Again(
            statement.Kind == StatementKind.Total ? StatementKind.TotalBelow : StatementKind.Total,
            statement.Range, statement.Attribute, statement.Number),
        _ => Again(statement.Kind, Others(statement.Range).Single(o => o.Part == part).Range, statement.Attribute, statement.Number),
    };

    private static Statement Again(StatementKind kind, LogRange range, string attribute, UInt128 number) => kind switch
    {
        StatementKind.Total => Statement.Total(range, attribute, number),
        StatementKind.TotalBelow => Statement.TotalBelow(range, attribute, number),
        _ => Statement.EachBelow(range, attribute, number),
    };

    private static IEnumerable<(string Part, LogRange Range)> Others(LogRange r)
    {
        var root = SHA256.HashData("another root"u8);
        yield return ("tenant", new("0198c0de-0000-7000-8000-000000000002", r.Origin, r.Older, r.Newer, r.From, r.To));
        yield return ("origin", new(r.Tenant, "bulkhead.example/tenant/2", r.Older, r.Newer, r.From, r.To));
        yield return ("older size", new(r.Tenant, r.Origin, new(7, r.Older.Root.Span), r.Newer, r.From, r.To));
        yield return ("older root", new(r.Tenant, r.Origin, new(r.Older.Size, root), r.Newer, r.From, r.To));
        yield return ("newer size", new(r.Tenant, r.Origin, r.Older, new(1001, r.Newer.Root.Span), r.From, r.To));
        yield return ("newer root", new(r.Tenant, r.Origin, r.Older, new(r.Newer.Size, root), r.From, r.To));
        yield return ("from", new(r.Tenant, r.Origin, r.Older, r.Newer, 9, r.To));
        yield return ("to", new(r.Tenant, r.Origin, r.Older, r.Newer, r.From, 899));
    }
}
