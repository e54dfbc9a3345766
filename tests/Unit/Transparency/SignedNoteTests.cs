using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class SignedNoteTests
{
    /// <summary>The note of the documentation of Go's golang.org/x/mod/sumdb/note.</summary>
    [Fact]
    public void A_note_that_another_program_signed_is_genuine()
    {
        var key = NoteKey.Parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")!;
        var note = SignedNote.Parse(
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
            + "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n")!;
        Assert.True(note.IsSignedBy(key, out var at));
        Assert.Null(at);
        Assert.Equal("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", key.ToString());
    }

    /// <summary>The examples of C2SP signed-note and tlog-cosignature.</summary>
    [Theory]
    [InlineData(
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
        + "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n",
        1)]
    [InlineData(
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        + "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        + "— witness.example.com/w1 "
        + "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n",
        2)]
    public void Notes_of_the_specification_are_read_and_written_as_they_stand(string text, int signatures)
    {
        var note = SignedNote.Parse(Encoding.UTF8.GetBytes(text))!;
        Assert.Equal(signatures, note.Signatures.Count);
        Assert.Equal(text, note.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("text\n")]
    [InlineData("text\n\n")]
    [InlineData("text\n\n— log AAAAAAA=")]
    [InlineData("text\n— log AAAAAAA=\n")]
    [InlineData("\n— log AAAAAAA=\n")]
    [InlineData("text\n\n- log AAAAAAA=\n")]
    [InlineData("text\n\n—log AAAAAAA=\n")]
    [InlineData("text\n\n— AAAAAAA=\n")]
    [InlineData("text\n\n—  AAAAAAA=\n")]
    [InlineData("text\n\n— log AAAAAAA= \n")]
    [InlineData("text\n\n— log AAAAAA A=\n")]
    [InlineData("text\n\n— lo+g AAAAAAA=\n")]
    [InlineData("text\n\n— lo\u00a0g AAAAAAA=\n")]
    [InlineData("text\n\n— log AAAAAA==\n")]
    [InlineData("text\n\n— log AAAAAAB=\n")]
    [InlineData("text\n\n— log AAAAAAA\n")]
    [InlineData("te\txt\n\n— log AAAAAAA=\n")]
    [InlineData("te\0xt\n\n— log AAAAAAA=\n")]
    [InlineData("text\r\n\n— log AAAAAAA=\n")]
    [InlineData("text\n\n— log AAAAAAA=\nmore\n")]
    public void What_is_no_note_is_refused(string text) => Assert.Null(SignedNote.Parse(text));

    [Fact]
    public void What_is_not_UTF_8_is_refused()
    {
        Assert.NotNull(SignedNote.Parse("text\n\n— log AAAAAAA=\n"u8));
        Assert.Null(SignedNote.Parse([.. "te"u8, 0xff, .. "xt\n\n— log AAAAAAA=\n"u8]));
        Assert.Null(SignedNote.Parse("te\ud800xt\n\n— log AAAAAAA=\n"));
        Assert.False(NoteKey.IsName("a\udc00b"));
        Assert.Null(SignedNote.Parse([.. "te"u8, 0xed, 0xa0, 0x80, .. "xt\n\n— log AAAAAAA=\n"u8]));
    }

    [Fact]
    public void A_note_is_not_longer_and_has_not_more_signatures_than_is_said()
    {
        static string Note(int signatures, int letters) =>
            new string('è', letters) + "\n\n" + string.Concat(Enumerable.Repeat("— log AAAAAAA=\n", signatures));
        Assert.NotNull(SignedNote.Parse(Note(SignedNote.MaxSignatures, 1)));
        Assert.Null(SignedNote.Parse(Note(SignedNote.MaxSignatures + 1, 1)));
        var most = (SignedNote.MaxLength - Encoding.UTF8.GetByteCount(Note(1, 0))) / 2;
        Assert.NotNull(SignedNote.Parse(Note(1, most)));
        Assert.Null(SignedNote.Parse(Note(1, most + 1)));
    }

    /// <summary>What a verifier must take: 16 signatures of nearly 5 kB.</summary>
    [Fact]
    public void Sixteen_of_the_largest_signatures_fit()
    {
        var signatures = Enumerable.Range(0, 16).Select(i => new NoteSignature($"w{i}", (uint)i, new byte[5000]));
        Assert.Equal(16, SignedNote.Parse(SignedNote.Of("text\n").With(signatures).ToString())!.Signatures.Count);
    }

    [Fact]
    public void Signatures_of_others_are_passed_by_even_with_the_same_name_or_id()
    {
        var note = Logs.Signed("text\n");
        var sameName = new NoteSignature(Logs.Origin, Logs.Key.Id + 1, new byte[64]);
        var sameId = new NoteSignature("another", Logs.Key.Id, new byte[64]);
        Assert.True(note.With([sameName, sameId]).IsSignedBy(Logs.Key, out _));
        Assert.Equal(NoteVerdict.Absent, SignedNote.Of("text\n").With([sameName, sameId]).Check(Logs.Key, out _));
    }

    [Fact]
    public void A_wrong_signature_of_a_known_key_spoils_the_right_one_before_and_after_it()
    {
        var note = Logs.Signed("text\n");
        var wrong = new NoteSignature(Logs.Origin, Logs.Key.Id, new byte[64]);
        Assert.Equal(NoteVerdict.Wrong, note.With([wrong]).Check(Logs.Key, out _));
        Assert.Equal(NoteVerdict.Wrong, SignedNote.Of("text\n").With([wrong, .. note.Signatures]).Check(Logs.Key, out _));
        Assert.Equal(NoteVerdict.Wrong, SignedNote.Of("Text\n").With(note.Signatures).Check(Logs.Key, out _));
    }

    [Fact]
    public void A_signature_of_one_kind_is_none_of_the_other()
    {
        var text = new Checkpoint(Logs.Origin, 0, MerkleTree.EmptyRoot, null).ToString();
        var cosigner = NoteKey.OfSeed(Logs.Origin, NoteSignatureKind.CosignatureEd25519, Logs.Seed(1));
        Assert.NotEqual(Logs.Key.Id, cosigner.Id);
        var cosigned = SignedNote.Cosign(text, cosigner, Logs.Seed(1), Logs.Noon);
        var signed = SignedNote.Sign(text, Logs.Key, Logs.Seed(1));
        Assert.True(SignedNote.Of(text).With([cosigned]).IsSignedBy(cosigner, out var at));
        Assert.Equal(Logs.Noon, at);
        Assert.False(SignedNote.Of(text).With([cosigned with { KeyId = Logs.Key.Id }]).IsSignedBy(Logs.Key, out _));
        Assert.False(SignedNote.Of(text).With([signed with { KeyId = cosigner.Id }]).IsSignedBy(cosigner, out _));
        Assert.Throws<ArgumentException>(() => SignedNote.Sign(text, cosigner, Logs.Seed(1)));
        Assert.Throws<ArgumentException>(() => SignedNote.Cosign(text, Logs.Key, Logs.Seed(1), Logs.Noon));
    }

    [Fact]
    public void A_cosignature_signs_its_time_and_the_whole_text()
    {
        var text = Logs.Signed(Logs.Leaves(3), 3).Text;
        var (key, good) = (Logs.Witness(2), Logs.Cosign(text, 2));
        var message = Encoding.UTF8.GetBytes($"cosignature/v1\ntime {Logs.Noon.ToUnixTimeSeconds()}\n{text}");
        Assert.True(Ed25519.Verify(key.PublicKey, message, good.Bytes.AsSpan(8)));
        Assert.True(SignedNote.Of(text).With([good]).IsSignedBy(key, out _));
        byte[] later = [.. good.Bytes];
        later[7]++;
        Assert.False(SignedNote.Of(text).With([good with { Bytes = later }]).IsSignedBy(key, out var at));
        Assert.Null(at);
        Assert.False(SignedNote.Of(text.Replace("time ", "Time ", StringComparison.Ordinal)).With([good]).IsSignedBy(key, out _));
        Assert.Throws<ArgumentException>(() => SignedNote.Cosign("text\n", key, Logs.Seed(2), Logs.Noon));
        Assert.Throws<ArgumentException>(() => SignedNote.Cosign(text, key, Logs.Seed(2), DateTimeOffset.UnixEpoch.AddSeconds(-1)));
    }

    [Fact]
    public void Of_several_cosignatures_of_one_key_the_earliest_time_counts()
    {
        var text = Logs.Signed(Logs.Leaves(3), 3).Text;
        var note = SignedNote.Of(text).With([Logs.Cosign(text, 2, 5), Logs.Cosign(text, 2, 3), Logs.Cosign(text, 2, 4)]);
        Assert.True(note.IsSignedBy(Logs.Witness(2), out var at));
        Assert.Equal(Logs.Noon.AddMinutes(3), at);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("a+b")]
    [InlineData("a\u2003b")]
    [InlineData("a\u0085b")]
    [InlineData("a\nb")]
    [InlineData("a\u0001b")]
    public void What_is_no_name_is_refused(string name)
    {
        Assert.False(NoteKey.IsName(name));
        Assert.Throws<ArgumentException>(() => NoteKey.Of(name, NoteSignatureKind.Ed25519, new byte[32]));
    }

    /// <summary>The origins of the platform's logs are names of keys, and so would a URN be.</summary>
    [Theory]
    [InlineData("bulkhead-audit/0190f2a4-3c5e-7b1a-8f00-0123456789ab")]
    [InlineData("bulkhead-heads/0190f2a4-3c5e-7b1a-8f00-0123456789ab")]
    [InlineData("urn:uuid:0190f2a4-3c5e-7b1a-8f00-0123456789ab")]
    public void Origins_of_our_logs_are_names(string origin) => Assert.True(NoteKey.IsName(origin));

    [Fact]
    public void A_name_has_as_many_bytes_as_one_byte_can_say()
    {
        Assert.True(NoteKey.IsName(new string('a', 255)));
        Assert.False(NoteKey.IsName(new string('a', 256)));
        Assert.False(NoteKey.IsName(new string('è', 128)));
    }

    [Fact]
    public void A_verifier_key_is_read_as_it_was_written_and_in_no_other_way()
    {
        var text = Logs.Key.ToString();
        Assert.Equal(text, NoteKey.Parse(text)!.ToString());
        var key = text.Split('+', 3);
        string[] wrong =
        [
            "", "+", "++", key[0], $"{key[0]}+{key[1]}", $"other+{key[1]}+{key[2]}", $"{key[0]}+00000000+{key[2]}",
            text.ToUpperInvariant(), $"{text} ", $" {text}", $"{text}=", $"{key[0]}+{key[1].ToUpperInvariant()}+{key[2]}",
            $"{key[0]}+{key[1]}+{key[2][..^4]}", $"{key[0]}+{key[1]}+", new string('a', 100_000),
            Unnamed(0x02, 32), Unnamed(0x00, 32), Unnamed(0x01, 31), Unnamed(0x01, 33), Unnamed(0x01, 1312), Unnamed(0x06, 32),
        ];
        Assert.All(wrong, vkey => Assert.Null(NoteKey.Parse(vkey)));
        Assert.NotNull(NoteKey.Parse(Unnamed(0x06, 1312)));
        Assert.NotNull(NoteKey.Parse(Unnamed(0x04, 32)));
    }

    private static string Unnamed(byte kind, int length)
    {
        byte[] bytes = [kind, .. new byte[length]];
        var id = System.Security.Cryptography.SHA256.HashData([.. "log\n"u8, .. bytes])[..4];
        return $"log+{Convert.ToHexStringLower(id)}+{Convert.ToBase64String(bytes)}";
    }
}
