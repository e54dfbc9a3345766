using System.Text;
using Bulkhead.Verify.Json;

namespace Bulkhead.Tests.Verify;

public sealed class CanonicalJsonTests
{
    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"a\":[1,-2,0,true,false,null,\"\"],\"b\":{\"c\":{}}}")]
    [InlineData("{\"A\":1,\"a\":2,\"aa\":3,\"b\":4}")]
    [InlineData("{\"a\":1,\"a!\":2}")]
    [InlineData("\"\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f/é\u007f\U0001F600\"")]
    [InlineData("{\"\U0001F600\":1,\"\uFB33\":2}")]
    [InlineData("{\"\\n\":1,\"1\":2,\"é\":3}")]
    [InlineData("9007199254740991")]
    [InlineData("-9007199254740991")]
    public void Canonical_JSON_is_taken(string json) => Assert.Null(CanonicalJson.Fault(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [InlineData("")]
    [InlineData(" {}")]
    [InlineData("{} ")]
    [InlineData("{}{}")]
    [InlineData("{\"a\": 1}")]
    [InlineData("{\"a\" :1}")]
    [InlineData("[1, 2]")]
    [InlineData("[1,]")]
    [InlineData("[1")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":1")]
    [InlineData("{\"a\"1}")]
    [InlineData("{a:1}")]
    [InlineData("{\"a\":1 \"b\":2}")]
    [InlineData("{\"a\":1,\"a\":1}")]
    [InlineData("{\"b\":1,\"a\":1}")]
    [InlineData("{\"x\":{\"b\":1,\"a\":1}}")]
    [InlineData("{\"\uFB33\":1,\"\U0001F600\":2}")]
    [InlineData("{\"1\":1,\"\\n\":2}")]
    [InlineData("\"\\u0061\"")]
    [InlineData("\"\\/\"")]
    [InlineData("\"\\u001F\"")]
    [InlineData("\"\\u000a\"")]
    [InlineData("\"\\u0008\"")]
    [InlineData("\"\\u0020\"")]
    [InlineData("\"\\u00")]
    [InlineData("\"\\ud83d\\ude00\"")]
    [InlineData("\"\n\"")]
    [InlineData("\"\u0001\"")]
    [InlineData("\"a")]
    [InlineData("\"a\\")]
    [InlineData("-0")]
    [InlineData("-")]
    [InlineData("01")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData("+1")]
    [InlineData("9007199254740992")]
    [InlineData("12345678901234567890")]
    [InlineData("nul")]
    [InlineData("truee")]
    [InlineData("NaN")]
    public void What_is_not_canonical_is_refused(string json) => Assert.NotNull(CanonicalJson.Fault(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void What_is_not_UTF_8_or_nested_without_end_is_refused()
    {
        Assert.NotNull(CanonicalJson.Fault([(byte)'"', 0xC3, (byte)'"']));
        Assert.NotNull(CanonicalJson.Fault([(byte)'"', 0xED, 0xA0, 0x80, (byte)'"']));
        string Nested(int depth) => new string('[', depth) + new string(']', depth);
        Assert.Null(CanonicalJson.Fault(Encoding.UTF8.GetBytes(Nested(CanonicalJson.Deepest))));
        Assert.NotNull(CanonicalJson.Fault(Encoding.UTF8.GetBytes(Nested(CanonicalJson.Deepest + 1))));
    }

    [Theory]
    [InlineData("1.5", true)]
    [InlineData("-0.25", true)]
    [InlineData("1e5", true)]
    [InlineData("1.", false)]
    [InlineData("01", false)]
    [InlineData("1-1", false)]
    public void Fractions_are_taken_only_where_they_are_asked_for(string json, bool isNumber)
    {
        Assert.Equal(isNumber, CanonicalJson.Fault(Encoding.UTF8.GetBytes(json), fractions: true) is null);
        Assert.NotNull(CanonicalJson.Fault(Encoding.UTF8.GetBytes(json)));
    }

    [Fact]
    public void A_string_is_spelled_as_it_is_taken()
    {
        var words = string.Concat(Enumerable.Range(0, 300).Select(c => (char)c));
        Assert.Null(CanonicalJson.Fault([(byte)'"', .. CanonicalJson.Spell(words), (byte)'"']));
        Assert.Equal(words, System.Text.Json.JsonSerializer.Deserialize<string>([(byte)'"', .. CanonicalJson.Spell(words), (byte)'"']));
    }
}
