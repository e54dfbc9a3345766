using System.Globalization;
using System.Security.Cryptography;

namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>Scripts under schema/ are numbered without a gap, and frozen: a database that has had one never gets another text.</summary>
public sealed class MigrationTests
{
    [Theory]
    [InlineData("control")]
    [InlineData("guard")]
    [InlineData("tenant")]
    public void Numbers_are_contiguous_from_one(string folder)
    {
        var numbers = Directory.GetFiles(Path.Combine(Sources.Root, "schema", folder), "*.sql")
            .Select(f => int.Parse(Path.GetFileName(f).AsSpan(0, 4), CultureInfo.InvariantCulture)).Order().ToList();
        Assert.Equal(Enumerable.Range(1, numbers.Count), numbers);
    }

    [Fact]
    public void Every_script_is_the_one_that_was_committed()
    {
        var known = Sources.List("schema/digests.txt").Order(StringComparer.Ordinal);
        var found = Directory.GetFiles(Path.Combine(Sources.Root, "schema"), "*.sql", SearchOption.AllDirectories)
            .Select(f => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))}  {Sources.Relative(f)}")
            .Order(StringComparer.Ordinal);
        Assert.True(
            known.SequenceEqual(found),
            "A script under schema/ differs from schema/digests.txt. After a release: add a new number, change no old one. "
            + "While nothing is released: build/digest-schema writes the list anew.");
    }
}
