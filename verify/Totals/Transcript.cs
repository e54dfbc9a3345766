using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Verify.Totals;

/// <summary>All that was said, in 32 bytes; challenges come out of it. docs/formats/total-proof.md, section 3.</summary>
internal sealed class Transcript
{
    private const string ChallengeDomain = "bulkhead/total-proof/v1/challenge";
    private const int BytesOfChallenge = 48;

    private byte[] state;

    private Transcript(byte[] state) => this.state = state;

    /// <summary>With what every proof begins.</summary>
    public Transcript()
    {
        state = new byte[SHA256.HashSizeInBytes];
        Append("protocol", "bulkhead/total-proof/v1");
        Append("generators", Generators.Digest);
    }

    public ReadOnlySpan<byte> State => state;

    public Transcript Fork() => new(state);

    public void Append(string label, ReadOnlySpan<byte> data) =>
        state = SHA256.HashData([.. state, 1, .. Label(label), .. Long((ulong)data.Length), .. data]);

    public void Append(string label, string text) => Append(label, Encoding.UTF8.GetBytes(text));

    public void Append(string label, ulong number) => Append(label, Long(number));

    public BigInteger Challenge(string label)
    {
        state = SHA256.HashData([.. state, 2, .. Label(label)]);
        return new BigInteger(HashToCurve.Expand(state, ChallengeDomain, BytesOfChallenge), isUnsigned: true, isBigEndian: true) % Point.Order;
    }

    private static byte[] Label(string label) => [(byte)label.Length, .. Encoding.ASCII.GetBytes(label)];

    private static byte[] Long(ulong number)
    {
        var bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        return bytes;
    }
}
