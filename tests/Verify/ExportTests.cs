using Bulkhead.Tests.Verify.Making;
using static Bulkhead.Tests.Verify.Making.TestExport;

namespace Bulkhead.Tests.Verify;

public sealed class ExportTests
{
    [Fact]
    public void A_good_export_holds_and_says_who_signed_how_many_entries_and_at_which_positions()
    {
        var findings = Of(TenantLog.Of(13), 0, 13).Verify();
        AssertHolds(findings);
        Assert.Contains(
            findings.Held,
            h => h.StartsWith("Signed by bulkhead-audit/018f4b5e-0000-7000-8000-000000000001: Ed25519; checkpoint of size 13", StringComparison.Ordinal));
        Assert.Contains(findings.Held, h => h.StartsWith("Entries: 13, at positions 0 to 12 without a gap", StringComparison.Ordinal));
    }
}
