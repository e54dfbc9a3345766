using System.Text;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Keys.PostQuantum;
using Bulkhead.Tests.Unit.TrustedCore.PostQuantum;
using Bulkhead.Tests.Unit.Vectors;

namespace Bulkhead.Tests.Unit.Transparency.PostQuantum;

/// <summary>Cosignatures of ML-DSA-44 (C2SP tlog-cosignature, type 06).</summary>
public sealed class CosignatureTests
{
    private static readonly SignedNote Head = Logs.Signed(Logs.Leaves(5), 5);

    [Fact]
    public void The_signed_message_is_that_of_the_specification()
    {
        var root = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();
        Assert.Equal(
            "737562747265652f76310a00" + "02" + "7731" + "0000000064185ccb" + "05" + "6c6f672f37" + "0000000000000000" + "00000000013e2e83"
            + Convert.ToHexStringLower(root),
            Convert.ToHexStringLower(Cosignature.SubtreeMessage("w1", 0x64185ccb, "log/7", 0, 0x13e2e83, root)));
    }

    [Fact]
    public void What_cannot_be_checked_here_is_not_taken_for_genuine()
    {
        if (!PostQuantumSupport.HasMLDsa)
        {
            var key = NoteKey.Of("w", NoteSignatureKind.CosignatureMLDsa44, new byte[MLDsa44.PublicKeyLength]);
            var note = Head.With([new("w", key.Id, new byte[8 + MLDsa44.SignatureLength])]);
            Assert.Equal(NoteVerdict.NotChecked, note.Check(key, out _));
            Assert.False(note.IsSignedBy(key, out _));
            var judged = WitnessPolicy.Parse($"witness a {key}\nthreshold 1\n", out _)!.Judge(note);
            Assert.False(judged.IsMet);
            Assert.Equal(["a"], judged.NotChecked.AsEnumerable());
            Assert.Throws<AlgorithmFault>(() => MLDsa44.PublicKey(new byte[32]));
        }
        else
        {
            var key = NoteKey.OfSeed("w", NoteSignatureKind.CosignatureMLDsa44, Logs.Seed(7));
            var note = Head.With([new("w", key.Id, new byte[8 + MLDsa44.SignatureLength])]);
            Assert.Equal(NoteVerdict.Wrong, note.Check(key, out _));
        }
    }

    [PostQuantumFact]
    public void A_cosignature_holds_for_its_signer_time_origin_size_and_root()
    {
        var key = NoteKey.OfSeed("w", NoteSignatureKind.CosignatureMLDsa44, Logs.Seed(7));
        Assert.Equal(key.ToString(), NoteKey.Parse(key.ToString())!.ToString());
        var good = SignedNote.Cosign(Head.Text, key, Logs.Seed(7), Logs.Noon);
        var read = SignedNote.Parse(Encoding.UTF8.GetBytes(Head.With([good]).ToString()))!;
        Assert.True(read.IsSignedBy(key, out var at));
        Assert.Equal(Logs.Noon, at);
        Assert.True(read.IsSignedBy(Logs.Key, out _));
        Assert.True(WitnessPolicy.Parse($"witness a {key}\nwitness a {Logs.Witness(2)}\nthreshold 1\n", out _)!.Judge(read).IsMet);

        foreach (var at1 in (int[])[0, 7, 8, good.Bytes.Length - 1])
        {
            byte[] changed = [.. good.Bytes];
            changed[at1] ^= 1;
            Assert.Equal(NoteVerdict.Wrong, Head.With([good with { Bytes = changed }]).Check(key, out _));
        }

        Assert.Equal(NoteVerdict.Wrong, Head.With([good with { Bytes = good.Bytes[..^1] }]).Check(key, out _));
        Assert.Equal(NoteVerdict.Wrong, Head.With([good with { Bytes = [.. good.Bytes, 0] }]).Check(key, out _));
        var renamed = NoteKey.OfSeed("v", NoteSignatureKind.CosignatureMLDsa44, Logs.Seed(7));
        Assert.False(Head.With([good with { Name = "v", KeyId = renamed.Id }]).IsSignedBy(renamed, out _));
        string[] others =
        [
            Logs.Signed(Logs.Leaves(6), 6).Text,
            Logs.Signed(Logs.Leaves(5, salt: 1), 5).Text,
            Logs.Signed(Logs.Leaves(5), 5, "log.example/8").Text,
        ];
        Assert.All(others, text => Assert.False(SignedNote.Of(text).With([good]).IsSignedBy(key, out _)));
    }

    [PostQuantumFact]
    public void What_has_another_length_is_no_seed_no_key_and_no_signature()
    {
        var key = MLDsa44.PublicKey(Logs.Seed(7));
        var signature = MLDsa44.Sign(Logs.Seed(7), "text"u8);
        Assert.Equal((MLDsa44.PublicKeyLength, MLDsa44.SignatureLength), (key.Length, signature.Length));
        Assert.True(MLDsa44.Verify(key, "text"u8, signature));
        Assert.False(MLDsa44.Verify(key, "Text"u8, signature));
        Assert.False(MLDsa44.Verify(key.AsSpan(1), "text"u8, signature));
        Assert.False(MLDsa44.Verify(key, "text"u8, signature.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => MLDsa44.PublicKey(new byte[31]));
        Assert.Throws<ArgumentException>(() => MLDsa44.Sign(new byte[33], "text"u8));
    }

    /// <summary>Those without a context, which cosignatures do not have.</summary>
    [PostQuantumVectorsFact]
    public void Signatures_are_judged_as_published()
    {
        var tests = Wycheproof.Load("mldsa_44_verify_test.json")
            .Where(t => !t.Test.TryGetProperty("ctx", out var context) || context.GetString() is "").ToList();
        Assert.True(tests.Count > 50, $"{tests.Count} vectors");
        Assert.Empty(Wycheproof.Wrong(tests, test => MLDsa44.Verify(test["publicKey"], test["msg"], test["sig"])));
    }
}
