using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using Bulkhead.Verify.Notes;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

public sealed class NoteTests
{
    private static readonly TestKey Signer = new("log.example", 1);
    private const string Text = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 1777600000\n";

    /// <summary>The key of C2SP signed-note's own example, whose id is known.</summary>
    [Fact]
    public void A_verifier_key_is_read_as_published() =>
        Assert.NotNull(VerifierKey.TryParse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", out _));

    [Theory]
    [InlineData("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "its id is not that")]
    [InlineData("PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "its id is not that")]
    [InlineData("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "its id is not that")]
    [InlineData("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "not of the form")]
    [InlineData("PeterNeumann+c74f20a3", "not of the form")]
    [InlineData("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", "not of the form")]
    [InlineData("", "not of the form")]
    public void A_verifier_key_that_is_not_one_is_refused(string text, string said)
    {
        Assert.Null(VerifierKey.TryParse(text, out var why));
        Assert.Contains(said, why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_an_unknown_type_or_a_wrong_size_is_refused()
    {
        foreach (var (material, said) in new (byte[], string)[]
        {
            ([2, .. new byte[32]], "type 0x02 are not known"),
            ([1, .. new byte[31]], "is not one of its type"),
            ([6, .. new byte[1311]], "is not one of its type"),
            ([1, .. new byte[32]], "is not one of its type"),
        })
        {
            var id = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([(byte)'n', (byte)'\n', .. material])[..4]);
            Assert.Null(VerifierKey.TryParse($"n+{id}+{Convert.ToBase64String(material)}", out var why));
            Assert.Contains(said, why, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_note_is_taken_as_it_is_and_in_no_other_spelling()
    {
        var note = Text + "\n" + Signer.Line(Text);
        Assert.Null(Fault(note));
        foreach (var spoiled in new[]
        {
            note[..^1],
            note + "\n",
            note.Replace("\n", "\r\n", StringComparison.Ordinal),
            note.Replace("\u2014", "-", StringComparison.Ordinal),
            note.Replace("\u2014 ", "\u2014  ", StringComparison.Ordinal),
            note.Replace("0\n\n", "0\n", StringComparison.Ordinal),
            Text,
            "",
            Text + "\n",
            Text + Signer.Line(Text),
            note + string.Concat(Enumerable.Repeat("\u2014 other AAAAAAAA\n", 128)),
            note + "\u2014 other AAAA\n",
        })
        {
            Assert.NotNull(Fault(spoiled));
        }

        Assert.Null(Fault(note + string.Concat(Enumerable.Repeat("\u2014 other AAAAAAAA\n", 127))));
    }

    [Fact]
    public void A_known_keys_signature_that_fails_spoils_the_note_beside_one_that_holds() =>
        Assert.Contains("is not valid", Fault(Text + "\n" + Signer.Line(Text) + Signer.Line(new byte[64])), StringComparison.Ordinal);

    [Theory]
    [InlineData("log.example\n00\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 1\n")]
    [InlineData("log.example\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 1\n")]
    [InlineData("log.example\n9007199254740992\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 1\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\ntime 1\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==\ntime 1\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 01\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 253402300800\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nat 1\n")]
    [InlineData("log.example\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime 1\nmore\n")]
    [InlineData("log.example\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ntime 1\n")]
    public void A_signed_text_that_is_no_checkpoint_is_refused(string text) =>
        Assert.NotNull(Fault(text + "\n" + Signer.Line(text)));

    [Theory]
    [InlineData("threshold 1")]
    [InlineData("threshold 0", "W1")]
    [InlineData("threshold 3", "W1", "W2")]
    [InlineData("threshold 1\nthreshold 1", "W1")]
    [InlineData("", "W1")]
    [InlineData("threshold 1\nwitness a", "W1")]
    [InlineData("threshold 1\nquorum x", "W1")]
    [InlineData("threshold 01", "W1")]
    [InlineData("threshold 2\nwitness again W1", "W1", "W2")]
    [InlineData("threshold 1\nwitness log LOG", "W1")]
    public void A_policy_that_cannot_be_meant_is_refused(string text, params string[] witnesses)
    {
        var lines = string.Join('\n', [text, .. witnesses.Select(w => $"witness {w} {w}")])
            .Replace(" LOG", $" {Signer.VKey}", StringComparison.Ordinal)
            .Replace(" W1 W1", $" W1 {new TestKey("w.example/1", 4).VKey}", StringComparison.Ordinal)
            .Replace(" again W1", $" again {new TestKey("w.example/1", 4).VKey}", StringComparison.Ordinal)
            .Replace(" W2 W2", $" W2 {new TestKey("w.example/2", 4).VKey}", StringComparison.Ordinal);
        Assert.Null(WitnessPolicy.TryParse(lines.Split('\n'), out var why));
        Assert.NotEmpty(why);
    }

    [Fact]
    public void A_policy_with_comments_and_two_keys_of_one_witness_is_read_as_one_witness()
    {
        var policy = WitnessPolicy.TryParse(
            ["# ours", "", $"witness a {new TestKey("a", 4).VKey}", $"witness a {new TestKey("a", 4, "new").VKey}", "threshold 1"], out _);
        Assert.Equal((1, 2), (policy!.Witnesses.Length, policy.Witnesses[0].Keys.Length));
    }

    [WithoutMLDsaFact]
    public void Where_there_is_no_ML_DSA_its_signature_is_said_not_to_be_checked_and_Ed25519_is_demanded_still()
    {
        var origin = TenantLog.Of(1).Origin;
        byte[] key = [6, .. Enumerable.Repeat((byte)7, 1312)];
        var id = System.Security.Cryptography.SHA256.HashData([.. System.Text.Encoding.ASCII.GetBytes(origin + "\n"), .. key])[..4];
        var vkey = $"{origin}+{Convert.ToHexStringLower(id)}+{Convert.ToBase64String(key)}";
        var line = $"\u2014 {origin} {Convert.ToBase64String([.. id, .. new byte[8 + 2420]])}\n";

        var export = Of(TenantLog.Of(3), 0, 3);
        var trust = export.Trust() with { Log = [Key(export.Log.Key), VerifierKey.TryParse(vkey, out _)!] };
        export.Line("checkpoint")["note"] = export.Log.Note(3) + line;
        var findings = export.Verify(trust);
        AssertHolds(findings);
        Assert.Contains(findings.Remarks, r => r.StartsWith("Not checked here: ML-DSA-44 signatures", StringComparison.Ordinal));

        export.Line("checkpoint")["note"] = export.Log.Text(3) + "\n" + line;
        AssertBroken(export.Verify(trust), Flaw.Signature, "bears no Ed25519 signature of a trusted key");
    }

    [MLDsaFact]
    public void A_signature_by_ML_DSA_44_holds_beside_Ed25519_and_spoils_the_note_when_it_is_forged()
    {
        var export = Of(TenantLog.Of(3), 0, 3);
        var postQuantum = new TestKey(export.Log.Origin, 6);
        export.Log.SignsToo.Add(postQuantum);
        export.Line("checkpoint")["note"] = export.Log.Note(3);
        var findings = export.Verify();
        AssertHolds(findings);
        Assert.Contains(findings.Held, h => h.Contains("Ed25519 and ML-DSA-44", StringComparison.Ordinal));

        var text = export.Log.Text(3);
        export.Line("checkpoint")["note"] = text + "\n" + postQuantum.Line(text);
        AssertBroken(export.Verify(), Flaw.Signature, "bears no Ed25519 signature");
        export.Line("checkpoint")["note"] = text + "\n" + export.Log.Key.Line(text) + postQuantum.Line(export.Log.Text(2));
        AssertBroken(export.Verify(), Flaw.Signature, "the ML-DSA-44 signature of");
        export.Line("checkpoint")["note"] = text + "\n" + export.Log.Key.Line(text) + postQuantum.Line(new byte[100]);
        AssertBroken(export.Verify(), Flaw.Signature, "the ML-DSA-44 signature of");
    }

    [MLDsaFact]
    public void A_witness_may_cosign_with_ML_DSA_44()
    {
        var (log, heads, witness) = (TenantLog.Of(5), new HeadsLog(), new TestKey("w.example", 6));
        var position = heads.Add(log, 5);
        AssertHolds(Of(log, 0, 5, heads: heads).WithHead(position, null, witness).Verify(witness));
        var text = heads.Text(1);
        var note = text + "\n" + heads.Key.Line(text) + witness.Line(heads.Text(1, 5).Replace("\n1\n", "\n2\n", StringComparison.Ordinal));
        AssertBroken(Of(log, 0, 5, heads: heads).WithHead(position, note).Verify(witness), Flaw.Witnesses, "is not valid");
    }

    private static string? Fault(string note) =>
        NoteVerification.Verify(note, "log.example", [Key(Signer)], out var why) is null ? why : null;
}
