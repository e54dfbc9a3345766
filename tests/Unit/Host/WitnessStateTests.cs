using Bulkhead.Host.Local;
using Bulkhead.Host.Witnessing;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Tests.Unit.Transparency;

namespace Bulkhead.Tests.Unit.Host;

/// <summary>What a witness keeps, so that it signs one history whatever happens to it.</summary>
public sealed class WitnessStateTests : IDisposable
{
    private static readonly byte[][] Leaves = Logs.Leaves(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("bulkhead-witness-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_signs_what_grows_and_remembers_it_when_it_is_started_again()
    {
        NoteKey key;
        using (var state = Start())
        {
            key = state.Keys[0];
            foreach (var (old, size) in ((int, int)[])[(0, 3), (3, 8), (8, 8)])
            {
                var answer = await AddAsync(state, Ask(Leaves, old, size));
                Assert.Equal((200, "text/plain"), (answer.Status, answer.ContentType));
                Assert.True(AddCheckpoint.Cosigned(Logs.Signed(Leaves, size), answer.Text)!.IsSignedBy(key, out _));
            }
        }

        using var again = Start();
        Assert.Equal(key.ToString(), again.Keys[0].ToString());
        Assert.Equal(new WitnessAnswer(409, "8\n", "text/x.tlog.size"), await AddAsync(again, Ask(Leaves, 0, 9)));
        Assert.Equal(200, (await AddAsync(again, Ask(Leaves, 8, 9))).Status);
    }

    [Fact]
    public async Task A_second_history_is_not_signed_and_one_of_the_same_size_is_kept_as_proof()
    {
        using var state = Start();
        var other = Logs.Leaves(20, salt: 1);
        Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 0, 8))).Status);
        Assert.Equal(422, (await AddAsync(state, Ask(other, 8, 9))).Status);
        Assert.Empty(Directory.GetFiles(_folder, "*.split-*"));
        Assert.Equal($"{Logs.Signed(other, 9)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.unproven-9"))));
        Assert.Equal(409, (await AddAsync(state, Ask(other, 8, 8))).Status);

        // Of each size the first stays: what comes later cannot put something else in its place. And what the witness signed then is beside it.
        Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 8, 9))).Status);
        Assert.Equal(409, (await AddAsync(state, Ask(other, 8, 9))).Status);
        Assert.Equal($"{Logs.Signed(Leaves, 8)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.signed-8"))));
        var kept = SignedNote.Parse(File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.split-8"))))!;
        Assert.True(kept.IsSignedBy(Logs.Key, out _));
        Assert.Equal(Logs.Signed(other, 8).Text, kept.Text);

        // Of another size it is another fork.
        Assert.Equal(409, (await AddAsync(state, Ask(other, 9, 9))).Status);
        Assert.Equal($"{Logs.Signed(other, 9)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.split-9"))));
        Assert.Equal($"{Logs.Signed(Leaves, 9)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.signed-9"))));
        var third = Logs.Leaves(20, salt: 2);
        Assert.Equal(409, (await AddAsync(state, Ask(third, 9, 9))).Status);
        Assert.Equal($"{Logs.Signed(other, 9)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.split-9"))));
    }

    [Fact]
    public async Task An_honest_checkpoint_with_a_bad_proof_does_not_use_up_what_is_kept_of_a_fork_and_nothing_fills_the_disk()
    {
        using var state = Start();
        Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 0, 8))).Status);
        Assert.Equal(422, (await AddAsync(state, AddCheckpoint.Of(8, [new byte[32]], Logs.Signed(Leaves, 9)))).Status);
        var other = Logs.Leaves(200, salt: 1);
        for (var size = 10; size < 130; size++)
        {
            Assert.Equal(422, (await AddAsync(state, Ask(other, 8, size))).Status);
        }

        Assert.Equal($"{Logs.Signed(other, 10)}", File.ReadAllText(Assert.Single(Directory.GetFiles(_folder, "*.unproven-10"))));
        Assert.Equal(100, Directory.GetFiles(_folder, "*.unproven-*").Length);
    }

    /// <summary>Were what it knows kept by the key, a log could begin a second history with a new one.</summary>
    [Fact]
    public async Task A_log_that_gets_a_new_key_does_not_begin_anew()
    {
        using (var state = Start())
        {
            Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 0, 8))).Status);
        }

        var fresh = NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.Ed25519, Logs.Seed(9));
        using (var state = Start(fresh))
        {
            Assert.Equal(403, (await AddAsync(state, Ask(Leaves, 8, 9))).Status);
            var note = Logs.Signed(Leaves, 9);
            var signed = SignedNote.Of(note.Text).With([SignedNote.Sign(note.Text, fresh, Logs.Seed(9))]);
            Assert.Equal(409, (await AddAsync(state, AddCheckpoint.Of(0, [], signed))).Status);
        }

        using var both = Start(fresh, Logs.Key);
        Assert.Equal(200, (await AddAsync(both, Ask(Leaves, 8, 9))).Status);
    }

    [Fact]
    public async Task A_write_that_was_torn_leaves_what_was_signed_before_it()
    {
        using (var state = Start())
        {
            Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 0, 3))).Status);
            Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 3, 8))).Status);
        }

        var path = Assert.Single(Directory.GetFiles(_folder, "*.checkpoint"));
        var bytes = File.ReadAllBytes(path);
        bytes[40]++;
        File.WriteAllBytes(path, bytes);
        using (var state = Start())
        {
            Assert.Equal("3\n", (await AddAsync(state, Ask(Leaves, 0, 9))).Text);
        }

        Array.Clear(bytes);
        File.WriteAllBytes(path, bytes);
        Assert.Contains("is damaged", Assert.Throws<StartFault>(() => Start()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_witnesses_do_not_share_a_folder()
    {
        using (Start())
        {
            Assert.Contains("Another witness", Assert.Throws<StartFault>(() => Start()).Message, StringComparison.Ordinal);
        }

        Start().Dispose();
    }

    [Fact]
    public async Task What_is_no_request_or_of_a_log_that_it_does_not_know_is_refused()
    {
        using var state = Start();
        Assert.Equal(400, (await state.AddAsync("old 0\n", CancellationToken.None)).Status);
        Assert.Equal(400, (await AddAsync(state, AddCheckpoint.Of(9, [], Logs.Signed(Leaves, 8)))).Status);
        Assert.Equal(404, (await AddAsync(state, AddCheckpoint.Of(0, [], Logs.Signed(Leaves, 8, "log.example/8")))).Status);
    }

    [Fact]
    public async Task What_it_signed_and_no_longer_knows_of_stops_it()
    {
        using (var state = Start())
        {
            Assert.Equal(200, (await AddAsync(state, Ask(Leaves, 0, 3))).Status);
        }

        File.Delete(Assert.Single(Directory.GetFiles(_folder, "*.checkpoint")));
        Assert.Contains("is gone", Assert.Throws<StartFault>(() => Start()).Message, StringComparison.Ordinal);

        // Of another log it knows that it never signed it.
        using (var other = Start(NoteKey.OfSeed("log.example/8", NoteSignatureKind.Ed25519, Logs.Seed(9))))
        {
            Assert.Equal(404, (await AddAsync(other, Ask(Leaves, 0, 3))).Status);
        }

        File.Delete(Path.Combine(_folder, "logs"));
        Assert.Contains("is gone or damaged", Assert.Throws<StartFault>(() => Start()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Its_keys_are_bound_to_its_name_and_are_no_logs()
    {
        NoteKey key;
        using (var state = Start())
        {
            key = state.Keys[0];
        }

        Assert.Contains(
            "not of witness.example/2",
            Assert.Throws<StartFault>(() => new WitnessState(_folder, "witness.example/2", [Logs.Key], TimeProvider.System)).Message,
            StringComparison.Ordinal);
        var own = NoteKey.Of(Logs.Origin, NoteSignatureKind.Ed25519, key.PublicKey);
        Assert.Contains("this witness's own", Assert.Throws<StartFault>(() => Start(own)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(Path.Combine(_folder, "witness.key"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", Assert.Throws<StartFault>(() => Start()).Message, StringComparison.Ordinal);
    }

    private WitnessState Start(params NoteKey[] keys) =>
        new(_folder, "witness.example/1", keys.Length == 0 ? [Logs.Key] : keys, TimeProvider.System);

    private static AddCheckpoint Ask(byte[][] leaves, int old, int size) =>
        AddCheckpoint.Of(old, MerkleTree.Consistency(old, size, Logs.Stored(leaves)), Logs.Signed(leaves, size));

    private static Task<WitnessAnswer> AddAsync(WitnessState state, AddCheckpoint request) =>
        state.AddAsync(request.ToString(), CancellationToken.None);
}
