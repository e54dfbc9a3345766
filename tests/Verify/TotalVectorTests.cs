using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Bulkhead.Verify.Merkle;
using Bulkhead.Verify.Totals;

namespace Bulkhead.Tests.Verify;

/// <summary>The published vectors of docs/formats/total-proof.md, good and tampered.</summary>
public sealed class TotalVectorTests
{
    [Fact]
    public void Generators_and_transcripts_are_as_published()
    {
        var vector = Read("generators");
        Assert.Equal(vector.GetProperty("G").GetString(), Hex(Generators.G));
        Assert.Equal(vector.GetProperty("H").GetString(), Hex(Generators.H));
        foreach (var i in new[] { 0, 1, 63 })
        {
            Assert.Equal(vector.GetProperty($"G_{i}").GetString(), Hex(Generators.Gs[i]));
            Assert.Equal(vector.GetProperty($"H_{i}").GetString(), Hex(Generators.Hs[i]));
        }

        Assert.Equal(vector.GetProperty("digest").GetString(), Convert.ToHexStringLower(Generators.Digest));
        var (said, transcript) = (vector.GetProperty("transcript"), new Transcript());
        Assert.Equal(said.GetProperty("begun").GetString(), Convert.ToHexStringLower(transcript.State));
        transcript.Append("abc", [1, 2]);
        Assert.Equal(said.GetProperty("after appending label abc and data 0102").GetString(), Convert.ToHexStringLower(transcript.State));
        Assert.Equal(said.GetProperty("then challenge c").GetString(), transcript.Challenge("c").ToString("x64", CultureInfo.InvariantCulture)[^64..]);
    }

    [Theory]
    [InlineData("total")]
    [InlineData("empty")]
    [InlineData("below")]
    [InlineData("below-2-64")]
    public void Proofs_over_all_numbers_are_taken_and_refused_as_published(string name)
    {
        var vector = Read(name);
        var statement = Statement(vector.GetProperty("statement"));
        using var numbers = new CommittedNumbers();
        foreach (var act in vector.GetProperty("acts").EnumerateArray())
        {
            var bytes = Bytes(act.GetProperty("commitment"));
            numbers.Add(act.GetProperty("position").GetUInt64(), bytes, Point.Read(bytes)!.Value);
            Assert.Equal(bytes, Committed(act).Bytes());
        }

        Assert.Equal(vector.GetProperty("sum").GetString(), Hex(numbers.Sum));
        var transcript = statement.Begin();
        Assert.Equal(vector.GetProperty("transcript").GetProperty("statement").GetString(), Convert.ToHexStringLower(transcript.State));
        numbers.AppendTo(transcript);
        Assert.Equal(vector.GetProperty("transcript").GetProperty("commitments").GetString(), Convert.ToHexStringLower(transcript.State));

        Assert.Null(statement.Fault());
        Assert.Null(TotalProof.Fault(statement, numbers, Bytes(vector.GetProperty("proof"))));
        var refused = vector.GetProperty("refused").EnumerateArray().ToList();
        Assert.Equal(6, refused.Count);
        Assert.All(refused, r => Assert.NotNull(TotalProof.Fault(statement, numbers, Bytes(r.GetProperty("proof")))));
    }

    [Fact]
    public void Proofs_of_each_number_are_taken_as_published_and_not_for_each_other()
    {
        var vector = Read("each");
        var statement = Statement(vector.GetProperty("statement"));
        Assert.Equal(
            vector.GetProperty("transcript").GetProperty("statement").GetString(),
            Convert.ToHexStringLower(statement.Begin().State));
        var acts = vector.GetProperty("acts").EnumerateArray()
            .Select(a => (Position: a.GetProperty("position").GetUInt64(), Point: Committed(a), Proof: Bytes(a.GetProperty("proof")))).ToList();
        Assert.Equal(2, acts.Count);
        Assert.Empty(Broken(acts));
        Assert.Equal([10UL, 13], Broken([acts[0] with { Proof = acts[1].Proof }, acts[1] with { Proof = acts[0].Proof }]));
        Assert.Equal([13UL], Broken([acts[0], acts[1] with { Point = acts[0].Point }]));
        Assert.Equal([11UL], Broken([acts[0] with { Position = 11 }, acts[1]]));
        Assert.Equal([13UL], Broken([acts[0], acts[1] with { Proof = acts[1].Proof[..^1] }]));

        List<ulong> Broken(IEnumerable<(ulong Position, Point Point, byte[] Proof)> given)
        {
            List<ulong> broken = [];
            var each = new EachProofs(statement, (position, _) => broken.Add(position));
            foreach (var (position, point, proof) in given)
            {
                each.Add(position, point, proof);
            }

            each.Settle();
            return broken;
        }
    }

    private static Point Committed(JsonElement act)
    {
        var sum = new MultiSum
        {
            G = BigInteger.Parse(act.GetProperty("value").GetString()!, CultureInfo.InvariantCulture),
            H = new BigInteger(Bytes(act.GetProperty("blinding")), isUnsigned: true, isBigEndian: true),
        };
        return sum.Value();
    }

    private static Statement Statement(JsonElement statement) => new(
        (TotalKind)statement.GetProperty("kind").GetInt32(),
        statement.GetProperty("tenant").GetString()!,
        statement.GetProperty("origin").GetString()!,
        Checkpoint(statement.GetProperty("older")),
        Checkpoint(statement.GetProperty("newer")),
        statement.GetProperty("from").GetUInt64(),
        statement.GetProperty("to").GetUInt64(),
        statement.GetProperty("attribute").GetString()!,
        UInt128.Parse(statement.GetProperty("number").GetString()!, CultureInfo.InvariantCulture));

    private static SizeAndRoot Checkpoint(JsonElement checkpoint) =>
        new(checkpoint.GetProperty("size").GetUInt64(), Hash.Read(Bytes(checkpoint.GetProperty("root"))));

    private static string Hex(Point point) => Convert.ToHexStringLower(point.Bytes());

    private static byte[] Bytes(JsonElement hex) => Convert.FromHexString(hex.GetString()!);

    private static JsonElement Read(string name) => Vectors.Read(Path.Combine(Vectors.Root(), "docs", "formats", "vectors", $"total-proof-{name}.json"));
}
