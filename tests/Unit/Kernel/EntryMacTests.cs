using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.TrustedCore;

/// <summary>What says of an entry that the platform wrote it covers all of it but the records that the act's statement found.</summary>
public sealed class EntryMacTests
{
    private const string Records = """{"ids":["018f4b5e-0000-7000-8000-000000000001"]}""";

    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    [Fact]
    public void An_entry_holds_whatever_its_records_are()
    {
        var (entry, mac) = Entry(hasRecords: true);
        var digest = new string('a', 64);
        foreach (var records in new[]
        {
            Records, """{"ids":[]}""", Records.Replace("]", ",\"018f4b5e-0000-7000-8000-000000000002\"]", StringComparison.Ordinal),
            $$"""{"count":0,"sha256":"{{digest}}"}""", $$"""{"count":31,"sha256":"{{digest}}"}""",
        })
        {
            Assert.True(EntryMacs.Holds(Key, entry.Id, entry.Head + records + entry.Tail, "", mac), records);
        }

        var (alone, itsMac) = Entry(hasRecords: false);
        Assert.True(EntryMacs.Holds(Key, alone.Id, alone.Head + alone.Tail, "", itsMac));
    }

    [Fact]
    public void An_entry_under_another_id_or_with_records_as_no_act_names_them_does_not()
    {
        var (entry, mac) = Entry(hasRecords: true);
        Assert.False(EntryMacs.Holds(Key, Guid.CreateVersion7(), entry.Head + Records + entry.Tail, "", mac));
        var digest = new string('a', 64);
        foreach (var records in new[]
        {
            "{}", "null", "[[1],{\"records\":2}]", """{"count":3,"sha256":"00"}""", """{"b":1,"a":2}""", Records + " ", " " + Records,
            Records.Replace("018f", "018F", StringComparison.Ordinal), Records.Replace("}", ",\"ids\":[]}", StringComparison.Ordinal),
            $$"""{"count":03,"sha256":"{{digest}}"}""", $$"""{"sha256":"{{digest}}","count":3}""", $$"""{"count":3.0,"sha256":"{{digest}}"}""",
            $$"""{"count":99999999999999999999,"sha256":"{{digest}}"}""",
        })
        {
            Assert.False(EntryMacs.Holds(Key, entry.Id, entry.Head + records + entry.Tail, "", mac), records);
        }
    }

    [Fact]
    public void An_entry_of_which_anything_else_was_changed_added_or_taken_out_does_not()
    {
        var (entry, mac) = Entry(hasRecords: true);
        var body = entry.Head + Records + entry.Tail;
        var (begin, end) = (entry.Head.Length, entry.Head.Length + Records.Length);
        for (var i = 0; i < body.Length; i++)
        {
            if (i >= begin && i < end)
            {
                continue;
            }

            foreach (var c in new[] { (char)(body[i] ^ 1), ' ', '0' }.Where(c => c != body[i]))
            {
                Assert.False(EntryMacs.Holds(Key, entry.Id, $"{body[..i]}{c}{body[(i + 1)..]}", "", mac), $"{i} {c}");
            }

            Assert.False(EntryMacs.Holds(Key, entry.Id, body.Remove(i, 1), "", mac), $"{i}");
        }

        Assert.False(EntryMacs.Holds(Key, entry.Id, entry.Head[..^"\"records\":".Length].TrimEnd(',') + entry.Tail, "", mac));
        Assert.False(EntryMacs.Holds(Key, entry.Id, body[..^1] + ",\"records\":{}}", "", mac));
        Assert.False(EntryMacs.Holds(Key, entry.Id, body + " ", "", mac));

        var (alone, itsMac) = Entry(hasRecords: false);
        Assert.False(EntryMacs.Holds(Key, alone.Id, alone.Head + $",\"records\":{Records}" + alone.Tail, "", itsMac));
    }

    [Fact]
    public void Another_key_a_shortened_mac_none_and_what_is_no_entry_do_not_hold()
    {
        var (entry, mac) = Entry(hasRecords: false);
        var body = entry.Head + entry.Tail;
        Assert.False(EntryMacs.Holds(RandomNumberGenerator.GetBytes(32), entry.Id, body, "", mac));
        Assert.False(EntryMacs.Holds(Key, entry.Id, body, "", mac.AsSpan(0, 8)));
        Assert.False(EntryMacs.Holds(Key, entry.Id, body, "", []));
        Assert.False(EntryMacs.Holds(Key, entry.Id, body, "", [.. mac, 0]));
        foreach (var none in new[] { "", "{", "[]", "1", "{\"records\":", new string('[', 100), "\u0000" })
        {
            Assert.False(EntryMacs.Holds(Key, Guid.Empty, none, "", mac));
            // Also where somebody had a mac of it.
            Assert.False(EntryMacs.Holds(Key, Guid.Empty, none, "", HMACSHA256.HashData(Key, SHA256.HashData(Encoding.UTF8.GetBytes(none))).AsSpan(0, 16)), none);
        }
    }

    [Fact]
    public void Commitments_are_covered_each_by_its_own()
    {
        var (entry, _) = Entry(hasRecords: true);
        var body = entry.Head + Records + entry.Tail;
        string[] texts = ["{\"a\":\"0\"}", "{\"a\":\"1\"}", ""];
        var macs = EntryMacs.Of(Key, entry, texts);
        for (var i = 0; i < texts.Length; i++)
        {
            for (var j = 0; j < texts.Length; j++)
            {
                Assert.Equal(i == j, EntryMacs.Holds(Key, entry.Id, body, texts[i], macs[j]));
            }
        }
    }

    private static (AuditEntry Entry, byte[] Mac) Entry(bool hasRecords)
    {
        var context = new RequestContext(TenantId.New(), new Actor(ActorKind.User, "nurse-\u00e9", ["clinician"]), "r-1", "clinic@1", "care");
        var entry = AuditEntry.Of(context, new AuditEvent("data.read") { Entity = "patient" }, DateTimeOffset.UnixEpoch, hasRecords);
        return (entry, EntryMacs.Of(Key, entry, [""])[0]);
    }
}
