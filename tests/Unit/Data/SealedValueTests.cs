using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;

namespace Bulkhead.Tests.Unit.Data;

/// <summary>What the kernel puts into an envelope when it seals rows anew is what the data API would have put there.</summary>
public sealed class SealedValueTests
{
    public static TheoryData<FieldType, string> Values => new()
    {
        { FieldType.Text, "" }, { FieldType.Text, "a b ü 😀" }, { FieldType.Enum, "b" },
        { FieldType.Integer, "0" }, { FieldType.Integer, "-9007199254740991" }, { FieldType.Integer, "9007199254740991" },
        { FieldType.Decimal, "0" }, { FieldType.Decimal, "-1.05" }, { FieldType.Decimal, "999999999999999.99" },
        { FieldType.Boolean, "true" }, { FieldType.Boolean, "false" },
        { FieldType.Date, "0001-01-01" }, { FieldType.Date, "2024-02-29" }, { FieldType.Date, "9999-12-31" },
        { FieldType.Timestamp, "2024-02-29T23:59:59.123456Z" }, { FieldType.Timestamp, "2024-01-01T00:00:00Z" },
        { FieldType.Timestamp, "2024-01-01T00:00:00.1Z" },
        { FieldType.Uuid, "018f0000-0000-7000-8000-00000000aaaa" }, { FieldType.Json, """{"a":[1,null,"x"]}""" },
    };

    [Theory, MemberData(nameof(Values))]
    public void A_text_becomes_the_bytes_that_the_api_seals_and_is_indexed_alike(FieldType type, string text)
    {
        Assert.True(FieldSyntax.TryParse(type, ["a", "b"], text, out var value));
        var column = SchemaSteps.Type(type);
        var writer = new SealedContentWriter();
        value.AddTo(writer, "f"u8);
        var content = new SealedContent(writer.Finish());
        Assert.True(content.Read());
        Assert.Equal(column, content.Type);

        Assert.Equal(content.Value.ToArray(), SealedValue.Of(text, column));
        Assert.Equal(value.ToIndexed(), SealedValue.ToIndexed(column, content.Value));
        Assert.Equal(text, value.ToCanonicalText());
    }

    [Fact]
    public void Every_type_is_among_them() =>
        Assert.Equal(
            Enum.GetValues<FieldType>().Where(t => t != FieldType.Reference).Order(),
            Values.Select(row => (FieldType)((object[])row)[0]).Distinct().Order());
}
