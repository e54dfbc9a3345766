using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bulkhead.Tests.Verify.Making;

/// <summary>A log whose whole content is in memory: of a tenant, or of heads.</summary>
internal class TestLog(string origin, TestKey key)
{
    public const ulong Begin = 1_777_600_000;

    public string Origin => origin;

    public TestKey Key => key;

    public List<byte[]> Leaves { get; } = [];

    /// <summary>Signs in the same way and is of the same name.</summary>
    public List<TestKey> SignsToo { get; } = [];

    public byte[] Root(int size) => NaiveTree.Root(Leaves.ToArray().AsSpan(0, size));

    public string Text(int size, ulong? time = null) => string.Create(
        CultureInfo.InvariantCulture, $"{origin}\n{size}\n{Convert.ToBase64String(Root(size))}\ntime {time ?? Begin + ((ulong)size * 60)}\n");

    public string Note(int size, params IEnumerable<TestKey> cosigners) => Note(Text(size), cosigners);

    public string Note(string text, params IEnumerable<TestKey> cosigners) =>
        text + "\n" + key.Line(text) + string.Concat(SignsToo.Concat(cosigners).Select(k => k.Line(text)));

    public JsonArray Consistency(int small, int large) => Base64(NaiveTree.Consistency(small, Leaves.ToArray().AsSpan(0, large)));

    public static JsonArray Base64(IEnumerable<byte[]> hashes) => [.. hashes.Select(h => JsonValue.Create(Convert.ToBase64String(h)))];
}

internal sealed class TenantLog(string tenant = "018f4b5e-0000-7000-8000-000000000001", string seed = "")
    : TestLog($"bulkhead-audit/{tenant}", new TestKey($"bulkhead-audit/{tenant}", 1, seed))
{
    public string Tenant => tenant;

    public static TenantLog Of(int entries, string? tenant = null)
    {
        var log = tenant is null ? new TenantLog() : new TenantLog(tenant);
        for (var i = 0; i < entries; i++)
        {
            log.Put(i, log.Body(i));
        }

        return log;
    }

    public List<string> Bodies { get; } = [];

    /// <summary>By name of the attribute; empty where an entry has none.</summary>
    public List<SortedDictionary<string, byte[]>> Commitments { get; } = [];

    /// <summary>Seals this at a position, whatever was there.</summary>
    public void Put(int position, string body, params IEnumerable<(string Attribute, byte[] Point)> commitments)
    {
        var sorted = new SortedDictionary<string, byte[]>(commitments.ToDictionary(c => c.Attribute, c => c.Point), StringComparer.Ordinal);
        if (position == Leaves.Count)
        {
            Leaves.Add([]);
            Bodies.Add(body);
            Commitments.Add(sorted);
        }

        (Bodies[position], Commitments[position]) = (body, sorted);
        Leaves[position] = Leaf(body, string.Join(',', sorted.Select(c => $"\"{c.Key}\":\"{Convert.ToBase64String(c.Value)}\"")));
    }

    public static byte[] Leaf(string body, string commitments) =>
        [.. SHA256.HashData(Encoding.UTF8.GetBytes(body)), .. Encoding.UTF8.GetBytes(commitments.Length == 0 ? "" : $"{{{commitments}}}")];

    /// <summary>A day has 24 entries; every third is of the operator, and reads nothing.</summary>
    public string Body(int i, string? member = null) => string.Create(
        CultureInfo.InvariantCulture,
        $$$"""
        {"action":"{{{(i % 3 == 0 ? "tenant.inspect" : "data.read")}}}","actor":{"id":"a{{{i % 5}}}","kind":"{{{(i % 3 == 0 ? "operator" : "user")}}}","roles":["nurse","writer"]},"app":"clinic@1","at":"{{{new DateTime(2026, 5, 1).AddHours(i):yyyy-MM-dd'T'HH:mm:ss}}}.000000Z","details":{"count":{{{i}}},"note":"Zürich \"{{{i}}}\""},"entity":"patients","id":"018f4b5e-0000-7000-9000-{{{i:x12}}}",{{{member}}}"records":["r{{{i}}}"],"result":"ok","tenant":"{{{tenant}}}","values":["{{{Digest(Disclosure(i))}}}"]}
        """);

    /// <summary>What each entry's one digest is of.</summary>
    public static string Disclosure(int i)
    {
        var salt = Url(SHA256.HashData(Encoding.UTF8.GetBytes($"salt {i}"))[..16]);
        return Url(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"[\"{salt}\",\"city\",null,\"Boston {i}\"]")));
    }

    public static string Digest(string disclosure) => Url(SHA256.HashData(Encoding.ASCII.GetBytes(disclosure)));

    public static string Url(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

internal sealed class HeadsLog() : TestLog(
    "bulkhead-heads/018f4b5e-0000-7000-8000-00000000beef",
    new TestKey("bulkhead-heads/018f4b5e-0000-7000-8000-00000000beef", 1))
{
    /// <summary>Adds the head of a log at a size; returns its position.</summary>
    public int Add(TestLog log, int size) => Add(log.Origin, size, log.Root(size));

    public int Add(string origin, int size, byte[] root)
    {
        var leaf = new byte[80];
        SHA256.HashData(Encoding.UTF8.GetBytes($"bulkhead/v1 head\0{origin}")).CopyTo(leaf, 0);
        BinaryPrimitives.WriteUInt64BigEndian(leaf.AsSpan(32), (ulong)size);
        root.CopyTo(leaf, 40);
        BinaryPrimitives.WriteUInt64BigEndian(leaf.AsSpan(72), Begin + ((ulong)size * 60));
        Leaves.Add(leaf);
        return Leaves.Count - 1;
    }
}
