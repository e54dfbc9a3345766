using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Verify.Merkle;
using Bulkhead.Verify.Totals;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>
/// Commits numbers in a log and proves things of them as docs/formats/total-proof.md says, also false ones. The group and the transcript are
/// the verifier's, which the published vectors hold to the document. For tests: its secrets come from words.
/// </summary>
internal sealed class NaiveProver(TenantLog log)
{
    private readonly Dictionary<string, SortedDictionary<int, (BigInteger Value, BigInteger Blinding)>> numbers = [];
    private int drawn;

    public TenantLog Log => log;

    public static NaiveProver Of(int entries, string? tenant = null) => new(TenantLog.Of(entries, tenant));

    public NaiveProver Commit(int position, string attribute, BigInteger value, BigInteger? blinding = null)
    {
        var secret = blinding ?? Secret();
        if (!numbers.TryGetValue(attribute, out var all))
        {
            numbers[attribute] = all = [];
        }

        all[position] = (value, secret);
        Put(position, attribute, Committed(value, secret).Bytes());
        return this;
    }

    /// <summary>A commitment that this prover cannot open.</summary>
    public void Put(int position, string attribute, byte[] point) => log.Put(
        position, log.Bodies[position], log.Commitments[position].Where(c => c.Key != attribute).Select(c => (c.Key, c.Value)).Append((attribute, point)));

    /// <summary>A line of type total. Without: positions whose commitments the prover leaves out of the proof.</summary>
    public JsonObject Line(string kind, string attribute, BigInteger number, int from, int to, int older = 0, int? size = null, params int[] without)
    {
        var whole = size ?? log.Leaves.Count;
        var statement = new Statement(
            kind switch { "total" => TotalKind.Total, "below" => TotalKind.Below, _ => TotalKind.Each },
            log.Tenant, log.Origin, At(older), At(whole), (ulong)from, (ulong)to, attribute, (UInt128)number);
        var known = numbers.GetValueOrDefault(attribute, []).Where(n => n.Key >= from && n.Key < to && !without.Contains(n.Key)).ToList();
        var line = new JsonObject
        {
            ["type"] = "total",
            ["kind"] = kind,
            ["attribute"] = attribute,
            ["number"] = number.ToString(CultureInfo.InvariantCulture),
            ["older"] = older,
            ["from"] = from,
            ["to"] = to,
        };
        if (statement.Kind == TotalKind.Each)
        {
            line["proofs"] = TestLog.Base64(known.Select(n => Each(statement, n.Key, n.Value)));
            return line;
        }

        using var committed = new CommittedNumbers();
        foreach (var (position, (value, blinding)) in known)
        {
            var point = Committed(value, blinding);
            committed.Add((ulong)position, point.Bytes(), point);
        }

        var transcript = statement.Begin();
        committed.AppendTo(transcript);
        var (sum, blindings) = (Sum(known.Select(n => n.Value.Value)), Sum(known.Select(n => n.Value.Blinding)));
        line["proof"] = Convert.ToBase64String(
            statement.Kind == TotalKind.Total ? Total(transcript, blindings) : [1, 2, .. Parts(statement, transcript, sum, blindings)]);
        return line;
    }

    private static Point Committed(BigInteger value, BigInteger blinding) => new MultiSum { G = value, H = blinding }.Value();

    private SizeAndRoot At(int size) => new((ulong)size, Hash.Read(log.Root(size)));

    private byte[] Total(Transcript transcript, BigInteger blindings)
    {
        var k = Secret();
        var r = Committed(0, k).Bytes();
        transcript.Append("R", r);
        return [1, 1, .. r, .. Scalar(k + (transcript.Challenge("c") * blindings))];
    }

    private byte[] Each(Statement statement, int position, (BigInteger Value, BigInteger Blinding) number)
    {
        var transcript = statement.Begin();
        transcript.Append("position", (ulong)position);
        return [1, 3, .. Parts(statement, transcript, number.Value, number.Blinding)];
    }

    private byte[] Parts(Statement statement, Transcript transcript, BigInteger value, BigInteger blinding)
    {
        var (first, second) = (transcript.Fork(), transcript.Fork());
        first.Append("part", "value");
        second.Append("part", "distance");
        var bound = (BigInteger)statement.Number;
        return
        [
            .. Range(first, value, blinding),
            .. bound < BigInteger.Pow(2, 64) ? Range(second, bound - 1 - value, -blinding) : [],
        ];
    }

    /// <summary>Of a number that has not 64 bits it goes on with the lowest of them, and the proof is false.</summary>
    private byte[] Range(Transcript transcript, BigInteger value, BigInteger blinding)
    {
        const int n = Generators.Bits;
        var aL = Enumerable.Range(0, n).Select(i => (value >> i) & 1).ToArray();
        var (sL, sR) = (aL.Select(_ => Secret()).ToArray(), aL.Select(_ => Secret()).ToArray());
        var (alpha, rho, tau1, tau2) = (Secret(), Secret(), Secret(), Secret());
        transcript.Append("bits", n);
        transcript.Append("V", Committed(value, blinding).Bytes());
        var pointA = Vectors(aL, [.. aL.Select(b => b - 1)], new() { H = alpha });
        var pointS = Vectors(sL, sR, new() { H = rho });
        transcript.Append("A", pointA);
        transcript.Append("S", pointS);
        var (y, z) = (transcript.Challenge("y"), transcript.Challenge("z"));
        var powers = Enumerable.Range(0, n).Select(i => BigInteger.ModPow(y, i, Point.Order)).ToArray();
        var l0 = aL.Select(b => b - z).ToArray();
        var r0 = aL.Select((b, i) => (powers[i] * (b - 1 + z)) + (z * z * BigInteger.Pow(2, i))).ToArray();
        var r1 = sR.Select((s, i) => powers[i] * s).ToArray();
        var t1 = Committed(Inner(l0, r1) + Inner(sL, r0), tau1).Bytes();
        var t2 = Committed(Inner(sL, r1), tau2).Bytes();
        transcript.Append("T1", t1);
        transcript.Append("T2", t2);
        var x = transcript.Challenge("x");
        var a = l0.Select((l, i) => Point.Modulo(l + (sL[i] * x))).ToArray();
        var b = r0.Select((r, i) => Point.Modulo(r + (r1[i] * x))).ToArray();
        byte[][] three = [Scalar((tau2 * x * x) + (tau1 * x) + (z * z * blinding)), Scalar(alpha + (rho * x)), Scalar(Inner(a, b))];
        transcript.Append("tau_x", three[0]);
        transcript.Append("mu", three[1]);
        transcript.Append("t", three[2]);
        return [.. pointA, .. pointS, .. t1, .. t2, .. three.SelectMany(s => s), .. InnerProduct(transcript, a, b, [.. powers.Select(Inverse)])];
    }

    /// <summary>Section 3 of the paper; how often each generator is in those that are folded is kept, rather than folding them.</summary>
    private static List<byte> InnerProduct(Transcript transcript, BigInteger[] a, BigInteger[] b, BigInteger[] ofH)
    {
        var (w, proof, ofG) = (transcript.Challenge("w"), new List<byte>(), ofH.Select(_ => BigInteger.One).ToArray());
        while (a.Length > 1)
        {
            var half = a.Length / 2;
            byte[][] both =
            [
                Half(a[..half], b[half..], takesHighOfG: true),
                Half(a[half..], b[..half], takesHighOfG: false),
            ];
            transcript.Append("L", both[0]);
            transcript.Append("R", both[1]);
            proof.AddRange(both.SelectMany(p => p));
            var u = transcript.Challenge("u");
            var inverse = Inverse(u);
            a = [.. a[..half].Select((low, i) => Point.Modulo((u * low) + (inverse * a[half + i])))];
            b = [.. b[..half].Select((low, i) => Point.Modulo((inverse * low) + (u * b[half + i])))];
            for (var i = 0; i < ofG.Length; i++)
            {
                var high = (i / half) % 2 == 1;
                ofG[i] = Point.Modulo(ofG[i] * (high ? u : inverse));
                ofH[i] = Point.Modulo(ofH[i] * (high ? inverse : u));
            }

            byte[] Half(BigInteger[] left, BigInteger[] right, bool takesHighOfG)
            {
                var sum = new MultiSum { G = w * Inner(left, right) };
                for (var i = 0; i < ofG.Length; i++)
                {
                    var takesG = ((i / half) % 2 == 1) == takesHighOfG;
                    sum.Gs[i] = takesG ? ofG[i] * left[i % half] : 0;
                    sum.Hs[i] = takesG ? 0 : ofH[i] * right[i % half];
                }

                return sum.Value().Bytes();
            }
        }

        return [.. proof, .. Scalar(a[0]), .. Scalar(b[0])];
    }

    private static byte[] Vectors(BigInteger[] ofG, BigInteger[] ofH, MultiSum sum)
    {
        ofG.CopyTo(sum.Gs, 0);
        ofH.CopyTo(sum.Hs, 0);
        return sum.Value().Bytes();
    }

    private static BigInteger Inner(BigInteger[] a, BigInteger[] b) => Point.Modulo(Sum(a.Zip(b, (x, y) => x * y)));

    private static BigInteger Sum(IEnumerable<BigInteger> all) => all.Aggregate(BigInteger.Zero, BigInteger.Add);

    private static BigInteger Inverse(BigInteger number) => BigInteger.ModPow(number, Point.Order - 2, Point.Order);

    private static byte[] Scalar(BigInteger number)
    {
        var bytes = new byte[32];
        Point.Modulo(number).TryWriteBytes(bytes, out _, isUnsigned: true);
        return [.. bytes.Reverse()];
    }

    private BigInteger Secret() => new BigInteger(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{log.Tenant} {drawn++}"))), isUnsigned: true) % Point.Order;
}
