using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;

namespace Bulkhead.Tests.Unit.TrustedCore;

/// <summary>Digests of values tell nothing without their salts.</summary>
public sealed class EntryValuesTests
{
    private static readonly ChangedValues Values = new(
        [.. Enumerable.Range(0, 40).Select(i => new ChangedValue($"field{i}", "\"same\"", null))]);

    [Fact]
    public void Equal_values_have_other_digests_each_time_in_an_order_that_is_not_that_of_the_fields()
    {
        var digests = Enumerable.Range(0, 100).SelectMany(_ => EntryValues.Of(new([new("name", "\"same\"", "true")])).Digests).ToList();
        Assert.Equal(100, digests.Distinct().Count());
        Assert.All(digests, digest => Assert.Equal(SHA256.HashSizeInBytes, Base64Url.DecodeFromChars(digest).Length));
        // What nobody salts could be found by trying.
        var unsalted = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Base64Url.EncodeToString(
            Encoding.UTF8.GetBytes($"[\"{Base64Url.EncodeToString(new byte[16])}\",\"name\",\"same\",true]")))));
        Assert.DoesNotContain(unsalted, digests);

        var many = EntryValues.Of(Values).Digests;
        Assert.Equal(many.Order(StringComparer.Ordinal), many);
    }

    [Fact]
    public void More_fields_than_an_entity_can_have_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => EntryValues.Of(
        new([.. Enumerable.Range(0, ChangedValues.Most + 1).Select(i => new ChangedValue($"f{i}", null, "1"))])));
}
