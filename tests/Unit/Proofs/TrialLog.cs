using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Proofs;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Tests.Unit.Proofs;

/// <summary>Acts with one number each, and what prover and verifier make of them.</summary>
internal sealed record TrialLog(LogRange Range, IReadOnlyList<TrialAct> Acts)
{
    public const string Attribute = "bytesExported";

    public static readonly TreeHead Older = new(8, SHA256.HashData("older"u8));
    public static readonly TreeHead Newer = new(1_000, SHA256.HashData("newer"u8));

    public UInt128 Total => Acts.Aggregate(UInt128.Zero, (sum, act) => sum + act.Value);

    public static TrialLog Of(params ulong[] values) => new(
        new("0198c0de-0000-7000-8000-000000000001", "bulkhead.example/tenant/1", Older, Newer, 10, 900),
        [.. values.Select((v, i) => new TrialAct(10 + (3 * (ulong)i), v, Pedersen.NewBlinding()))]);

    public TotalOpening Opening()
    {
        var opening = new TotalOpening(Range);
        foreach (var act in Acts)
        {
            opening.Add(act.Position, act.Commitment, act.Value, act.Blinding);
        }

        return opening;
    }

    public CoveredCommitments Commitments()
    {
        var commitments = new CoveredCommitments(Range);
        foreach (var act in Acts)
        {
            Assert.True(commitments.TryAdd(act.Position, act.Commitment));
        }

        return commitments;
    }

    public IEnumerable<ActOpening> Openings() => Acts.Select(a => new ActOpening(a.Position, a.Value, a.Blinding));

    public IEnumerable<ActProof> WithProofs(IEnumerable<(ulong Position, byte[] Proof)> proofs) =>
        Acts.Zip(proofs, (act, proof) => new ActProof(act.Position, act.Commitment, proof.Proof));

    /// <summary>The same bytes each time: for vectors.</summary>
    public static FillRandom Repeatable(string seed)
    {
        var state = SHA256.HashData(Encoding.UTF8.GetBytes(seed));
        return bytes =>
        {
            for (var at = 0; at < bytes.Length; at += state.Length)
            {
                state = SHA256.HashData(state);
                state.AsSpan(0, Math.Min(state.Length, bytes.Length - at)).CopyTo(bytes[at..]);
            }
        };
    }
}

internal sealed record TrialAct(ulong Position, ulong Value, Scalar Blinding)
{
    public byte[] Commitment { get; init; } = Pedersen.Commit(Value, Blinding);
}
