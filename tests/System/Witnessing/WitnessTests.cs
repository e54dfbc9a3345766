using System.Net;
using System.Net.Sockets;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.System.Witnessing;

/// <summary>The command <c>witness</c> over HTTP: C2SP tlog-witness, and that it remembers whatever ends it.</summary>
public sealed class WitnessTests : IDisposable
{
    private readonly string _data = Path.Combine(Path.GetTempPath(), "bh-witness-" + Path.GetRandomFileName());

    private string State => Path.Combine(_data, "w");

    public void Dispose()
    {
        if (Directory.Exists(_data))
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    [Fact]
    public async Task A_growing_log_is_signed_at_every_size()
    {
        var log = new NaiveLog("log.example/a", 1);
        using var witness = await StartAsync(log);
        var known = 0;
        foreach (var size in new[] { 1, 2, 3, 7, 8, 21, 64, 65, 100 })
        {
            log.Grow(size - log.Size);
            await AssertSignedAsync(witness, known, log);
            known = size;
        }

        // The same again: whoever lost the answer asks for it.
        await AssertSignedAsync(witness, known, log);
    }

    [Fact]
    public async Task Whoever_thinks_that_it_knows_less_or_more_is_told_the_size()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(9);
        using var witness = await StartAsync(log);
        await AssertSignedAsync(witness, 0, log);
        log.Grow(3);
        foreach (var old in new[] { 0, 5, 10, 12 })
        {
            Assert.Equal((409, "9\n", "text/x.tlog.size"), await PostAsync(witness, old, log.Proof(old), log.Note()));
        }

        // An older checkpoint, honestly asked for.
        Assert.Equal((409, "9\n", "text/x.tlog.size"), await PostAsync(witness, 5, log.Proof(5, 7), log.Note(7)));
        Assert.Equal(400, await StatusAsync(witness, 9, [], log.Note(7)));
        await AssertSignedAsync(witness, 9, log);
    }

    [Fact]
    public async Task A_second_history_is_not_signed()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(9);
        var fork = log.Forked(6).Grow(3, "other");
        using var witness = await StartAsync(log);
        await AssertSignedAsync(witness, 0, log);
        Assert.Equal((409, "9\n", "text/x.tlog.size"), await PostAsync(witness, 9, [], fork.Note()));
        Assert.Equal($"{log.Note()}", await File.ReadAllTextAsync(Directory.GetFiles(State, "*.signed-*").Single()));
        Assert.Equal($"{fork.Note()}", await File.ReadAllTextAsync(Directory.GetFiles(State, "*.split-*").Single()));

        fork.Grow(5);
        log.Grow(5);
        Assert.Equal(422, await StatusAsync(witness, 9, fork.Proof(9), fork.Note()));
        Assert.Equal(422, await StatusAsync(witness, 9, log.Proof(9), fork.Note()));
        Assert.Equal(422, await StatusAsync(witness, 9, [], log.Note()));
        Assert.Equal(422, await StatusAsync(witness, 9, [.. log.Proof(9).AsEnumerable().Reverse()], log.Note()));
        Assert.Equal(422, await StatusAsync(witness, 9, [.. log.Proof(9), new byte[32]], log.Note()));
        await AssertSignedAsync(witness, 9, log);
    }

    [Fact]
    public async Task Only_known_logs_and_their_keys_are_signed_for()
    {
        var (a, b) = (new NaiveLog("log.example/a", 1).Grow(3), new NaiveLog("log.example/b", 2).Grow(4));
        using var witness = await StartAsync(a, b);
        Assert.Equal(404, await StatusAsync(witness, 0, [], new NaiveLog("log.example/c", 1).Grow(3).Note()));
        Assert.Equal(403, await StatusAsync(witness, 0, [], new NaiveLog("log.example/a", 2).Grow(3).Note()));
        var signed = a.Note();
        var forged = SignedNote.Of(signed.Text).With([new("log.example/a", a.Key.Id, new byte[64])]);
        Assert.Equal(403, await StatusAsync(witness, 0, [], forged));
        await AssertSignedAsync(witness, 0, a);
        await AssertSignedAsync(witness, 0, b);
    }

    [Fact]
    public async Task What_is_no_request_is_refused_and_nothing_else_is_there()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(3);
        using var witness = await StartAsync(log);
        Assert.Equal(400, await StatusAsync(witness, ""));
        Assert.Equal(400, await StatusAsync(witness, "old 00\n\n" + log.Note()));
        Assert.Equal(413, await StatusAsync(witness, new string('x', AddCheckpoint.MaxLength + 1)));
        Assert.Equal(HttpStatusCode.NotFound, (await witness.Http.GetAsync(new Uri("/", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await witness.Http.GetAsync(new Uri("add-checkpoint", UriKind.Relative))).StatusCode);
        await AssertSignedAsync(witness, 0, log);
    }

    [Fact]
    public async Task Who_sends_slowly_holds_nobody_up_and_is_sent_away()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(3);
        using var witness = await StartAsync(log);
        var slow = new List<TcpClient>();
        for (var i = 0; i < 100; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync("localhost", witness.Url.Port);
            await client.GetStream().WriteAsync("POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nold"u8.ToArray());
            slow.Add(client);
        }

        await AssertSignedAsync(witness, 0, log).WaitAsync(TimeSpan.FromSeconds(5));
        // As fast as a server wants it by itself, and far too long.
        using var steady = new TcpClient();
        await steady.ConnectAsync("localhost", witness.Url.Port);
        await steady.GetStream().WriteAsync("POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n"u8.ToArray());
        var answer = new byte[1000];
        var ended = steady.GetStream().ReadAsync(answer).AsTask();
        for (var i = 0; !ended.IsCompleted; i++)
        {
            Assert.True(i < 60, "a body of 20,000 bytes may take 30 seconds");
            await steady.GetStream().WriteAsync(new byte[200]);
            await Task.WhenAny(ended, Task.Delay(500));
        }

        Assert.Contains(" 408 ", Encoding.ASCII.GetString(answer, 0, await ended), StringComparison.Ordinal);
        foreach (var client in slow)
        {
            var length = await client.GetStream().ReadAsync(answer).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
            Assert.Contains(" 408 ", Encoding.ASCII.GetString(answer, 0, length), StringComparison.Ordinal);
            client.Dispose();
        }
    }

    [Fact]
    public async Task A_stop_keeps_the_key_and_what_was_signed()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(5);
        IReadOnlyList<string> vkeys;
        using (var witness = await StartAsync(log))
        {
            vkeys = witness.Vkeys;
            await AssertSignedAsync(witness, 0, log);
            Assert.Equal(0, await witness.StopAsync());
        }

        using var again = await StartAsync(log);
        Assert.Equal(vkeys, again.Vkeys);
        Assert.Equal((409, "5\n", "text/x.tlog.size"), await PostAsync(again, 0, [], log.Forked(0).Grow(7, "other").Note()));
        await AssertSignedAsync(again, 5, log.Grow(2));
    }

    /// <summary>Killed while it answers, again and again: what it ever signed, it still knows, and two histories are never signed.</summary>
    [Fact]
    public async Task A_kill_forgets_nothing_that_was_signed()
    {
        var rounds = Environment.GetEnvironmentVariable("BULKHEAD_TIER") switch { "soak" => 200, "ci" => 20, _ => 5 };
        var log = new NaiveLog("log.example/a", 1).Grow(1);
        var signed = 0;
        for (var round = 0; round < rounds; round++)
        {
            using var witness = await StartAsync(log);
            var first = await PostAsync(witness, 0, [], log.Note());
            var known = first.Status == 409 ? int.Parse(first.Body, null) : log.Size;
            Assert.InRange(known, signed, log.Size);
            Assert.Equal(409, await StatusAsync(witness, known, [], log.Forked(known - 1).Grow(1, "other").Note()));
            signed = known;
            var writing = WriteAsync(witness, log, known, size => signed = size);
            await Task.Delay(20 + (round * 37 % 200));
            await witness.KillAsync();
            await writing;
        }

        Assert.True(signed > rounds, $"{signed} signed");
    }

    [Fact]
    public async Task It_does_not_start_when_it_could_sign_a_second_history()
    {
        var log = new NaiveLog("log.example/a", 1).Grow(4);
        using (var witness = await StartAsync(log))
        {
            await AssertSignedAsync(witness, 0, log);
            await AssertRefusesAsync("Another witness has", log);
        }

        await AssertRefusesAsync("are those of the witness w.example/1, not of w.example/2", log, "w.example/2");
        var files = Directory.GetFiles(State).ToDictionary(file => file, File.ReadAllBytes);
        var checkpoint = files.Keys.Single(file => file.EndsWith(".checkpoint", StringComparison.Ordinal));
        await AssertRefusesWithoutAsync(checkpoint, "is gone", log);
        await AssertRefusesWithoutAsync(Path.Combine(State, "logs"), "is gone or damaged", log);
        await AssertRefusesWithAsync(checkpoint, [], "is gone", log);
        await AssertRefusesWithAsync(checkpoint, new byte[100], "is damaged", log);
        await AssertRefusesWithAsync(Path.Combine(State, "logs"), "something"u8.ToArray(), "is gone or damaged", log);
        await AssertRefusesWithAsync(Path.Combine(State, "witness.key"), new byte[32], "holds no keys of a witness", log);
        File.SetUnixFileMode(Path.Combine(State, "witness.key"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
        await AssertRefusesAsync("open to others than its owner. Next step: chmod 600", log);
        File.SetUnixFileMode(Path.Combine(State, "witness.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);

        using var again = await StartAsync(log);
        await AssertSignedAsync(again, 4, log.Grow(1));

        async Task AssertRefusesWithoutAsync(string file, string why, NaiveLog of)
        {
            File.Delete(file);
            await AssertRefusesAsync(why, of);
            await File.WriteAllBytesAsync(file, files[file]);
        }

        async Task AssertRefusesWithAsync(string file, byte[] content, string why, NaiveLog of)
        {
            await File.WriteAllBytesAsync(file, content);
            await AssertRefusesAsync(why, of);
            await File.WriteAllBytesAsync(file, files[file]);
        }
    }

    [Fact]
    public async Task What_was_asked_wrongly_is_said_and_it_does_not_start()
    {
        var noKey = await Assert.ThrowsAsync<InvalidOperationException>(() => WitnessProcess.StartAsync(State, "w.example/1", "a+00000000+AAAA"));
        Assert.Contains("is no verifier key of a log", noKey.Message, StringComparison.Ordinal);
        await AssertRefusesAsync("no spaces and no '+'", new NaiveLog("log.example/a", 1), "w 1");
        Assert.False(Directory.Exists(State));
    }

    private async Task AssertRefusesAsync(string why, NaiveLog log, string name = "w.example/1")
    {
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => WitnessProcess.StartAsync(State, name, $"{log.Key}"));
        Assert.Contains(why, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("fault of Bulkhead", fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Grows and has it signed until the witness is gone.</summary>
    private static async Task WriteAsync(WitnessProcess witness, NaiveLog log, int known, Action<int> signed)
    {
        try
        {
            while (true)
            {
                log.Grow(1);
                await AssertSignedAsync(witness, known, log);
                known = log.Size;
                signed(known);
            }
        }
        catch (HttpRequestException)
        {
            // Killed, as planned.
        }
    }

    private static async Task AssertSignedAsync(WitnessProcess witness, int known, NaiveLog log)
    {
        var (note, before) = (log.Note(), DateTimeOffset.UtcNow.AddSeconds(-1));
        var (status, body, type) = await PostAsync(witness, known, log.Proof(known), note);
        Assert.Equal((200, "text/plain"), (status, type));
        var signed = AddCheckpoint.Cosigned(note, body)!;
        Assert.Equal(witness.Vkeys.Count, signed.Signatures.Count - 1);
        foreach (var vkey in witness.Vkeys)
        {
            Assert.True(signed.IsSignedBy(NoteKey.Parse(vkey)!, out var at));
            Assert.InRange(at!.Value, before, DateTimeOffset.UtcNow);
        }
    }

    private static async Task<int> StatusAsync(WitnessProcess witness, int old, IReadOnlyList<byte[]> proof, SignedNote note) =>
        (await PostAsync(witness, old, proof, note)).Status;

    private static async Task<int> StatusAsync(WitnessProcess witness, string body)
    {
        using var content = new StringContent(body);
        using var answer = await witness.Http.PostAsync(new Uri("add-checkpoint", UriKind.Relative), content);
        return (int)answer.StatusCode;
    }

    private static async Task<(int Status, string Body, string? Type)> PostAsync(
        WitnessProcess witness, int old, IReadOnlyList<byte[]> proof, SignedNote note)
    {
        using var content = new StringContent($"{AddCheckpoint.Of(old, proof, note)}");
        using var answer = await witness.Http.PostAsync(new Uri("add-checkpoint", UriKind.Relative), content);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Content.Headers.ContentType?.ToString());
    }

    private Task<WitnessProcess> StartAsync(params NaiveLog[] logs) => WitnessProcess.StartAsync(State, "w.example/1", [.. logs.Select(log => $"{log.Key}")]);
}
