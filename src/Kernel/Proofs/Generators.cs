using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// The points that everything is committed under: G is the standard's, all others come from their names, so that nobody knows a relation
/// between any two. About 20 ms of work, done once.
/// </summary>
internal sealed class Generators
{
    public const int Bits = 64;

    /// <summary>
    /// 2^255: added to a value or a bit, and taken off again as a point, so that all of them take libcrypto the same four words and the
    /// same time.
    /// </summary>
    public static readonly Scalar Offset = Scalar.From(UInt128.One << 127) * Scalar.From(UInt128.One << 127) * Scalar.From(2);

    private static readonly Lazy<Generators> Made = new(() => new("Bulkhead-V01-with-P256_XMD:SHA-256_SSWU_RO_"));

    private readonly CurveGroup _blindingTable = CurveGroup.New();

    /// <param name="domain">The tag of RFC 9380; tests give another one, for generators that are not ours.</param>
    internal Generators(string domain)
    {
        var tag = Encoding.ASCII.GetBytes(domain);
        P256.MultiplyGenerator(Scalar.One, Value);
        Blinding = HashToCurve.Hash("pedersen/H"u8, tag);
        Left = [.. Enumerable.Range(0, Bits).Select(i => Named("range/G/", i))];
        Right = [.. Enumerable.Range(0, Bits).Select(i => Named("range/H/", i))];
        Digest = Digested();
        P256.MultiplyGenerator(-Offset, MinusOffset);
        MinusOffsets = P256.Sum(Scalar.Zero, [.. Left, .. Right], [.. Enumerable.Repeat(-Offset, 2 * Bits)]);
        SetTable();

        CurvePoint Named(string name, int index) =>
            HashToCurve.Hash(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name}{index}")), tag);
    }

    public static Generators Ours => Made.Value;

    /// <summary>G: what values are multiplied by.</summary>
    public CurvePoint Value { get; } = CurvePoint.Infinity();

    /// <summary>H: what blindings are multiplied by.</summary>
    public CurvePoint Blinding { get; }

    /// <summary>G_0 … G_63 of the range proof.</summary>
    public CurvePoint[] Left { get; }

    /// <summary>H_0 … H_63 of the range proof.</summary>
    public CurvePoint[] Right { get; }

    /// <summary>-2^255 · G.</summary>
    public CurvePoint MinusOffset { get; } = CurvePoint.Infinity();

    /// <summary>-2^255 · (Σ G_i + Σ H_i).</summary>
    public CurvePoint MinusOffsets { get; }

    /// <summary>SHA-256 over G, H, G_0 … G_63, H_0 … H_63: every transcript begins with it.</summary>
    public byte[] Digest { get; }

    /// <summary>blinding · H, by a table of H's own, as fast as a multiple of G.</summary>
    public void MultiplyBlinding(in Scalar blinding, CurvePoint result) =>
        P256.MultiplyGenerator(_blindingTable, blinding, result);

    private byte[] Digested()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var point in (CurvePoint[])[Value, Blinding, .. Left, .. Right])
        {
            hash.AppendData(point.ToBytes());
        }

        return hash.GetHashAndReset();
    }

    /// <summary>
    /// libcrypto keeps a table for a group's generator only; so H becomes the generator of a group that differs in nothing else.
    /// </summary>
    private void SetTable()
    {
        using var order = BigNumber.New();
        using var cofactor = BigNumber.New();
        order.Set(Convert.FromHexString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"));
        cofactor.Set([1]);
        Libcrypto.Require(Libcrypto.EC_GROUP_set_generator(_blindingTable, Blinding, order, cofactor));
        Libcrypto.Require(Libcrypto.EC_GROUP_precompute_mult(_blindingTable, Workspace.Mine.Context));
    }
}
