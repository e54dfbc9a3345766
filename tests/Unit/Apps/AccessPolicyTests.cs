using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

public sealed class AccessPolicyTests
{
    public static TheoryData<string, string> Rules => new()
    {
        { "read: [name, ssn, birthDate]", "read: [name, birthDate, ssn, age]" },
        { "actions: [list, read], read", "actions: [list], read" },
        { "ssn: lastFour, birthDate: year", "birthDate: year" },
        { "ssn: lastFour", "ssn: hidden" },
        { "{ keepLast: 4 }", "{ keepLast: 3 }" },
        { "audit: read", "audit: manage" },
        { "    audit: read\n", "" },
        { "    audit: read\n", "    audit: read\n    keys: read\n" },
        { "  clerk:", "  clark:" },
        { "readsOf: [health]", "readsOf: [health, secret]" },
        { "readsOf: [health]", "readsOf: [health]\n  values: []" },
        { "readsOf: [health]", "readsOf: [health]\n  commits: [recordsRead]" },
        { "place: { type: text, class: internal }", "place: { type: text, class: health }" },
    };

    [Fact]
    public void The_rules_are_canonical_text_that_its_digest_is_of()
    {
        var app = App(SampleManifest.Text);
        var text = Encoding.UTF8.GetString(AccessPolicy.TextOf(app));
        Assert.Equal(Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text))), app.Policy);
        Assert.All(text, c => Assert.InRange(c, ' ', '~'));
        using var json = JsonDocument.Parse(text);
        Sorted(json.RootElement);
        Assert.Equal(
            """{"audit":"none","entities":{"patient":{"actions":["list","read"],"masks":{"birthDate":{"keep":0,"kind":"yearOnly"},"ssn":{"keep":4,"kind":"keepLast"}},"reads":["birthDate","name","ssn"],"writes":[]}},"keys":"none"}""",
            json.RootElement.GetProperty("roles").GetProperty("clerk").GetRawText());
    }

    [Theory, MemberData(nameof(Rules))]
    public void Another_rule_is_another_policy(string rule, string other) =>
        Assert.NotEqual(App(SampleManifest.Text).Policy, App(SampleManifest.With(rule, other)).Policy);

    [Theory]
    [InlineData("title: Sample", "title: Another")]
    [InlineData("version: 1", "version: 2")]
    [InlineData("read: [name, ssn, birthDate]", "read: [birthDate, ssn, name]")]
    public void What_decides_nothing_changes_no_policy(string part, string other) =>
        Assert.Equal(App(SampleManifest.Text).Policy, App(SampleManifest.With(part, other)).Policy);

    private static AppModel App(string manifest)
    {
        var result = ManifestCompiler.Compile(manifest);
        Assert.Empty(result.Faults);
        return result.Model!;
    }

    private static void Sorted(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            var names = element.EnumerateObject().Select(member => member.Name).ToList();
            Assert.Equal(names.Order(StringComparer.Ordinal), names);
            foreach (var member in element.EnumerateObject())
            {
                Sorted(member.Value);
            }
        }
    }
}
