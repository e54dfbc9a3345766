using System.Text;
using Bulkhead.Tests.Verify.Making;
using Bulkhead.Verify;
using Bulkhead.Verify.Export;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

/// <summary>Of a small export no byte can change, whoever repairs the digest at its end.</summary>
public sealed class FlippedByteTests
{
    private static readonly TestKey Witness = new("w.example", 4);

    private readonly TestExport export;

    public FlippedByteTests()
    {
        var (log, heads) = (TenantLog.Of(4), new HeadsLog());
        log.Put(2, log.Body(2), ("bytes", [2, .. new byte[32]]), ("reads", [3, .. new byte[32]]));
        heads.Add(TenantLog.Of(1, "018f4b5e-0000-7000-8000-000000000002"), 1);
        heads.Add(log, 4);
        export = Of(log, 1, 3, earlier: [2], heads: heads, tiles: true, disclosed: i => [TenantLog.Disclosure(i)])
            .WithHead(1, null, Witness).WithAllHeads().Hide(2);
    }

    [Fact]
    public void No_byte_of_an_export_can_be_flipped()
    {
        export.Lines.RemoveAll(l => (string?)l["type"] is "head" or "heads");
        Assert.Empty(Survivors(export.Bytes(), export.Trust(), repaired: false));
    }

    /// <summary>What people read about the selection is nobody's word; all else is checked for itself, not by the digest at the end alone.</summary>
    [Fact]
    public void No_byte_of_an_export_can_be_flipped_though_the_digest_at_its_end_is_made_to_fit()
    {
        export.Line("header").Remove("selection");
        export.Line("header").Remove("logKeys");
        export.Line("header").Remove("headsKeys");
        Assert.Empty(Survivors(export.Bytes(), export.Trust([Witness], 1), repaired: true));
    }

    private static string[] Survivors(byte[] bytes, Trust trust, bool repaired)
    {
        AssertHolds(VerifyBytes(bytes, trust));
        var beforeEnd = bytes.AsSpan(0, bytes.Length - 1).LastIndexOf((byte)'\n') + 1;
        return
        [
            .. Enumerable.Range(0, repaired ? beforeEnd : bytes.Length).AsParallel().Where(i =>
            {
                // Another bit of each byte in turn, so that all are met: those of letters' case, of digits, and what is no ASCII.
                var flipped = bytes.ToArray();
                flipped[i] ^= (byte)(1 << (i % 8));
                if (repaired)
                {
                    var before = flipped[..beforeEnd];
                    flipped = [.. before, .. Encoding.UTF8.GetBytes(EndOf(before, 2).ToJsonString() + "\n")];
                }

                return Holds(flipped, trust);
            }).Select(i => $"byte {i}: {Encoding.UTF8.GetString(bytes.AsSpan(Math.Max(0, i - 30), Math.Min(30, i)))}|{(char)bytes[i]}"),
        ];
    }

    private static bool Holds(byte[] bytes, Trust trust)
    {
        try
        {
            return VerifyBytes(bytes, trust).Holds;
        }
        catch (UnreadableException)
        {
            return false;
        }
    }
}
