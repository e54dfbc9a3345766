using Bulkhead.Host.Witnessing;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Tests.Unit.TrustedCore.PostQuantum;

namespace Bulkhead.Tests.Unit.Transparency.PostQuantum;

/// <summary>Logs and witnesses sign by ML-DSA-44 beside Ed25519.</summary>
public sealed class TwoKeysTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bulkhead-two-keys-").FullName;

    private static byte[][] Leaves => Logs.Leaves(9);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [PostQuantumFact]
    public void A_checkpoint_of_a_log_bears_both_signatures_and_its_time_in_the_second()
    {
        var second = NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.CosignatureMLDsa44, Logs.Seed(2));
        var note = SignedNote.Parse($"{Signed(9, second)}")!;
        Assert.Equal(2, note.Signatures.Count);
        Assert.True(note.IsSignedBy(Logs.Key, out _));
        Assert.True(note.IsSignedBy(second, out var at));
        Assert.Equal(Logs.Noon, at);

        // Without a time there is nothing that the second could say.
        var timeless = $"{new Checkpoint(Logs.Origin, 9, new byte[32], null)}";
        Assert.Single(LogKeys.Sign(timeless, Logs.Key, Logs.Seed(1), second, Logs.Seed(2)).Signatures);
        Assert.Single(LogKeys.Sign(note.Text, Logs.Key, Logs.Seed(1), null, []).Signatures);
    }

    [PostQuantumFact]
    public async Task A_witness_cosigns_by_both_and_knows_a_log_by_either()
    {
        var second = NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.CosignatureMLDsa44, Logs.Seed(2));
        using var state = new WitnessState(_folder, "witness.example/1", [second], TimeProvider.System);
        Assert.Equal(
            [NoteSignatureKind.CosignatureEd25519, NoteSignatureKind.CosignatureMLDsa44], state.Keys.Select(key => key.Kind));

        // Whoever could forge Ed25519 alone is refused by a witness that was given the other key.
        Assert.Equal(403, (await AddAsync(state, Logs.Signed(Leaves, 9))).Status);
        var note = Signed(9, second);
        var answer = await AddAsync(state, note);
        Assert.Equal(200, answer.Status);
        var cosigned = AddCheckpoint.Cosigned(note, answer.Text)!;
        Assert.Equal(4, cosigned.Signatures.Count);
        Assert.All(state.Keys, key => Assert.True(cosigned.IsSignedBy(key, out _)));
        state.Dispose();
        using var again = new WitnessState(_folder, "witness.example/1", [second], TimeProvider.System);
        Assert.Equal(state.Keys.Select(key => $"{key}"), again.Keys.Select(key => $"{key}"));
    }

    private static SignedNote Signed(int size, NoteKey second) =>
        LogKeys.Sign(Logs.Signed(Leaves, size).Text, Logs.Key, Logs.Seed(1), second, Logs.Seed(2));

    private static Task<WitnessAnswer> AddAsync(WitnessState state, SignedNote note) =>
        state.AddAsync($"{AddCheckpoint.Of(0, [], note)}", CancellationToken.None);
}
