using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.TrustedCore;

/// <summary>Entries are canonical JSON (RFC 8785): a digest over them means the same to everybody.</summary>
public sealed class AuditEntryTests
{
    [Fact]
    public void An_entry_is_canonical_whatever_its_words_are() => Prop.ForAll(
        ArbMap.Default.ArbFor<string[]>(),
        words => AssertCanonical([.. words.Where(w => w is not null).Select(WellFormed)])).QuickCheckThrowOnFailure();

    [Fact]
    public void An_entry_with_controls_quotes_and_plane_two_characters_is_canonical() => AssertCanonical(
        ["\"", "\\", "\b\t\n\f\r", "\u0001\u001f\u007f", "é\u2028🏥", "</script>", "€$\u0000", "ß"]);

    private static void AssertCanonical(string[] words)
    {
        var next = 0;
        string Word(string otherwise) => next < words.Length && !string.IsNullOrWhiteSpace(words[next]) ? words[next++] : otherwise + next++;
        var actor = new Actor(ActorKind.User, Word("actor"), [Word("role"), Word("role")]);
        var context = new RequestContext(TenantId.New(), actor, Word("request"), Word("app"), Word("purpose"));
        var audit = new AuditEvent(Word("action"))
        {
            Entity = Word("entity"),
            Fields = [Word("field"), Word("field"), Word("field")],
            Reason = Word("reason"),
            Result = AuditResult.Denied,
            Details = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal)
                .Add("zeta", Word("z")).Add("Alpha", Word("a")).Add("beta", Word("b")),
        };
        foreach (var hasRecords in new[] { false, true })
        {
            var entry = AuditEntry.Of(context, audit, DateTimeOffset.UnixEpoch.AddTicks(1_234_567_891), hasRecords);
            var text = entry.Head + (hasRecords ? """{"ids":["00000000-0000-0000-0000-000000000001"]}""" : "") + entry.Tail;
            using var parsed = JsonDocument.Parse(text);
            var canonical = new StringBuilder();
            Write(canonical, parsed.RootElement);
            Assert.Equal(canonical.ToString(), text);
            Assert.Equal(actor.Id, parsed.RootElement.GetProperty("actor").GetProperty("id").GetString());
            Assert.Equal(context.Tenant.ToString(), parsed.RootElement.GetProperty("tenant").GetString());
            Assert.Equal(context.Purpose, parsed.RootElement.GetProperty("purpose").GetString());
        }
    }

    /// <summary>Written apart from the kernel's: sorts what it finds.</summary>
    private static void Write(StringBuilder json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.Append('{').AppendJoin(',', value.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal).Select(p =>
                {
                    var member = new StringBuilder().Append(Quote(p.Name)).Append(':');
                    Write(member, p.Value);
                    return member.ToString();
                })).Append('}');
                break;
            case JsonValueKind.Array:
                json.Append('[').AppendJoin(',', value.EnumerateArray().Select(v =>
                {
                    var item = new StringBuilder();
                    Write(item, v);
                    return item.ToString();
                })).Append(']');
                break;
            default:
                json.Append(Quote(value.GetString()!));
                break;
        }
    }

    private static string Quote(string text)
    {
        var quoted = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\b", "\\b", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal).Replace("\f", "\\f", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal);
        for (var c = '\0'; c < ' '; c++)
        {
            quoted = quoted.Replace(c.ToString(), $"\\u{(int)c:x4}", StringComparison.Ordinal);
        }

        return $"\"{quoted}\"";
    }

    /// <summary>RFC 8785 has no form for half a surrogate pair.</summary>
    private static string WellFormed(string text) => string.Concat(text.EnumerateRunes().Select(r => r.ToString()));
}
