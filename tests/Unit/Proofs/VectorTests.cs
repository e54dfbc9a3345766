using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Kernel.Proofs;
using Bulkhead.Tests.Unit.Tidy;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>
/// The vectors beside docs/formats/total-proof.md are what this code makes, byte for byte: so nothing of the format changes unnoticed.
/// With BULKHEAD_WRITE_VECTORS=1 they are written anew.
/// </summary>
public sealed class VectorTests
{
    private static readonly Generators Ours = Generators.Ours;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Fact]
    public void Generators_are_as_written() => AssertWritten("total-proof-generators", new()
    {
        ["domain"] = "Bulkhead-V01-with-P256_XMD:SHA-256_SSWU_RO_",
        ["G"] = Hex(Ours.Value),
        ["H"] = Hex(Ours.Blinding),
        ["G_0"] = Hex(Ours.Left[0]),
        ["G_1"] = Hex(Ours.Left[1]),
        ["G_63"] = Hex(Ours.Left[63]),
        ["H_0"] = Hex(Ours.Right[0]),
        ["H_1"] = Hex(Ours.Right[1]),
        ["H_63"] = Hex(Ours.Right[63]),
        ["digest"] = Hex(Ours.Digest),
        ["transcript"] = new JsonObject
        {
            ["begun"] = Hex(new Transcript(Ours).State),
            ["after appending label abc and data 0102"] = Hex(After(new Transcript(Ours), t => t.Append("abc"u8, [1, 2]))),
            ["then challenge c"] = Hex(With(new Transcript(Ours), t => t.Append("abc"u8, [1, 2])).Challenge("c"u8)),
        },
    });

    [Fact]
    public void A_total_is_as_written()
    {
        var log = Log("total", 500, 0, 12, ulong.MaxValue);
        AssertWritten("total-proof-total", Total(log, TrialLog.Repeatable("total")));
    }

    [Fact]
    public void An_empty_total_is_as_written()
    {
        var log = Log("empty");
        AssertWritten("total-proof-empty", Total(log, TrialLog.Repeatable("empty")));
    }

    [Theory]
    [InlineData("total-proof-below", "1000")]
    [InlineData("total-proof-below-2-64", "18446744073709551616")]
    public void A_total_below_a_bound_is_as_written(string name, string bound)
    {
        var log = Log(name, 500, 0, 12, 88);
        var statement = Statement.TotalBelow(log.Range, TrialLog.Attribute, UInt128.Parse(bound, CultureInfo.InvariantCulture));
        var proof = TotalBelowProof.Prove(Ours, statement, log.Opening(), TrialLog.Repeatable(name));
        using var commitments = log.Commitments();
        Assert.Equal(ProofVerdict.Holds, TotalBelowProof.Verify(statement, commitments, proof));
        var transcript = statement.Begin(Ours);
        var begun = Hex(transcript.State);
        commitments.AppendTo(transcript);
        var written = Of(statement, log, withProofs: null);
        written["sum"] = Hex(commitments.Sum);
        written["transcript"] = new JsonObject { ["statement"] = begun, ["commitments"] = Hex(transcript.State) };
        written["proof"] = Hex(proof);
        written["value"] = Challenges(transcript, "value"u8, commitments.Sum, proof.AsSpan(2, RangeProof.Length));
        written["refused"] = Refused(proof);
        AssertWritten(name, written);
    }

    [Fact]
    public void Proofs_of_each_act_are_as_written()
    {
        var log = Log("each", 3, 999);
        var statement = Statement.EachBelow(log.Range, TrialLog.Attribute, 1000);
        var proofs = EachBelowProof.Prove(Ours, statement, log.Openings(), TrialLog.Repeatable("each")).ToList();
        Assert.Equal((ProofVerdict.Holds, null), EachBelowProof.Verify(statement, log.WithProofs(proofs)));
        var transcript = statement.Begin(Ours);
        var written = Of(statement, log, proofs);
        written["transcript"] = new JsonObject { ["statement"] = Hex(transcript.State) };
        transcript.Append("position"u8, log.Acts[0].Position);
        written["value of the first act"] = Challenges(
            transcript, "value"u8, CurvePoint.TryRead(log.Acts[0].Commitment)!, proofs[0].Proof.AsSpan(2, RangeProof.Length));
        AssertWritten("total-proof-each", written);
    }

    private static JsonObject Total(TrialLog log, FillRandom fill)
    {
        var statement = Statement.Total(log.Range, TrialLog.Attribute, log.Total);
        var proof = TotalProof.Prove(Ours, statement, log.Opening(), fill);
        using var commitments = log.Commitments();
        Assert.Equal(ProofVerdict.Holds, TotalProof.Verify(statement, commitments, proof));
        var transcript = statement.Begin(Ours);
        var begun = Hex(transcript.State);
        commitments.AppendTo(transcript);
        var written = Of(statement, log, withProofs: null);
        written["sum"] = Hex(commitments.Sum);
        written["transcript"] = new JsonObject { ["statement"] = begun, ["commitments"] = Hex(transcript.State) };
        written["proof"] = Hex(proof);
        transcript.Append("R"u8, proof.AsSpan(2, 33));
        written["c"] = Hex(transcript.Challenge("c"u8));
        written["refused"] = Refused(proof);
        return written;
    }

    /// <summary>Of what a verifier must refuse: a flipped bit, a byte less, a byte more, a scalar that is not below the order.</summary>
    private static JsonArray Refused(byte[] proof)
    {
        var flipped = proof.ToArray();
        flipped[^1] ^= 1;
        var unreduced = proof.ToArray();
        unreduced.AsSpan(unreduced.Length - 32).Fill(255);
        var infinite = proof.ToArray();
        infinite.AsSpan(2, 33).Clear();
        var version = proof.ToArray();
        version[0] = 2;
        return
        [
            Why("the last bit flipped", flipped), Why("a byte less", proof[..^1]), Why("a byte more", [.. proof, 0]),
            Why("the last scalar is not below n", unreduced), Why("the first point is infinity", infinite), Why("another version", version),
        ];

        static JsonNode Why(string why, byte[] bytes) => new JsonObject { ["why"] = why, ["proof"] = Hex(bytes) };
    }

    private static JsonObject Challenges(Transcript transcript, ReadOnlySpan<byte> part, CurvePoint commitment, ReadOnlySpan<byte> proof)
    {
        var own = transcript.Fork();
        own.Append("part"u8, part);
        own.Append("bits"u8, 64UL);
        own.Append("V"u8, commitment);
        own.Append("A"u8, proof[..33]);
        own.Append("S"u8, proof[33..66]);
        var found = new JsonObject { ["y"] = Hex(own.Challenge("y"u8)), ["z"] = Hex(own.Challenge("z"u8)) };
        own.Append("T1"u8, proof[66..99]);
        own.Append("T2"u8, proof[99..132]);
        found["x"] = Hex(own.Challenge("x"u8));
        own.Append("tau_x"u8, proof[132..164]);
        own.Append("mu"u8, proof[164..196]);
        own.Append("t"u8, proof[196..228]);
        found["w"] = Hex(own.Challenge("w"u8));
        var rounds = new JsonArray();
        for (var at = 228; at < 624; at += 66)
        {
            own.Append("L"u8, proof[at..(at + 33)]);
            own.Append("R"u8, proof[(at + 33)..(at + 66)]);
            rounds.Add(Hex(own.Challenge("u"u8)));
        }

        found["u"] = rounds;
        return found;
    }

    private static TrialLog Log(string seed, params ulong[] values)
    {
        var random = TrialLog.Repeatable(seed + " blindings");
        var log = TrialLog.Of(values);
        return log with { Acts = [.. log.Acts.Select(a => new TrialAct(a.Position, a.Value, Next()))] };

        Scalar Next()
        {
            var wide = new byte[Scalar.WideLength];
            random(wide);
            return Scalar.Reduce(wide);
        }
    }

    private static JsonObject Of(Statement statement, TrialLog log, IReadOnlyList<(ulong Position, byte[] Proof)>? withProofs)
    {
        var range = statement.Range;
        return new()
        {
            ["statement"] = new JsonObject
            {
                ["kind"] = (int)statement.Kind,
                ["tenant"] = range.Tenant,
                ["origin"] = range.Origin,
                ["older"] = new JsonObject { ["size"] = range.Older.Size, ["root"] = Hex(range.Older.Root.Span) },
                ["newer"] = new JsonObject { ["size"] = range.Newer.Size, ["root"] = Hex(range.Newer.Root.Span) },
                ["from"] = range.From,
                ["to"] = range.To,
                ["attribute"] = statement.Attribute,
                ["number"] = statement.Number.ToString(CultureInfo.InvariantCulture),
            },
            ["acts"] = new JsonArray([.. log.Acts.Select((a, i) => Act(a, withProofs?[i].Proof))]),
        };

        static JsonNode Act(TrialAct act, byte[]? proof)
        {
            var written = new JsonObject
            {
                ["position"] = act.Position,
                ["value"] = act.Value.ToString(CultureInfo.InvariantCulture),
                ["blinding"] = Hex(act.Blinding),
                ["commitment"] = Hex(act.Commitment),
            };
            if (proof is not null)
            {
                written["proof"] = Hex(proof);
            }

            return written;
        }
    }

    private static void AssertWritten(string name, JsonObject made)
    {
        var path = Path.Combine(Sources.Root, "docs", "formats", "vectors", name + ".json");
        var text = made.ToJsonString(Indented) + "\n";
        if (Environment.GetEnvironmentVariable("BULKHEAD_WRITE_VECTORS") == "1")
        {
            File.WriteAllText(path, text);
        }

        Assert.Equal(File.ReadAllText(path), text);
    }

    private static Transcript With(Transcript transcript, Action<Transcript> said)
    {
        said(transcript);
        return transcript;
    }

    private static byte[] After(Transcript transcript, Action<Transcript> said) => With(transcript, said).State.ToArray();

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    private static string Hex(CurvePoint point) => Hex(point.ToBytes());

    private static string Hex(Scalar scalar)
    {
        var bytes = new byte[Scalar.Length];
        scalar.Write(bytes);
        return Hex(bytes);
    }
}
