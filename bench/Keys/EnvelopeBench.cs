using System.Globalization;
using System.Security.Cryptography;
using Bulkhead.Bench.Measure;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Bench.Keys;

/// <summary>Envelopes of rows beside the bare cipher, on one thread: so a second is a core's second.</summary>
internal sealed class EnvelopeBench : IDisposable
{
    private const string Entity = "patient";
    private const string DataClass = "health";
    private const double Goal = 0.8;
    private const double PerCoreGoal = 200_000;
    private static readonly (int Bytes, string Words)[] Sizes = [(100, "100 B"), (1024, "1 KiB"), (64 * 1024, "64 KiB")];

    private readonly SecretKey _key = SecretKey.Random();
    private readonly SecretKey _indexKey = SecretKey.Random();
    private readonly RecordKeys _keys;
    private readonly byte[] _associated;
    private readonly Guid _record = Guid.CreateVersion7();

    private EnvelopeBench()
    {
        var tenant = TenantId.New();
        var subjects = new SubjectKeys(tenant, 1, new Dictionary<int, SecretKey> { [1] = _indexKey });
        _keys = new(tenant, Entity, 1, [new(1, _key)], [(1, _indexKey)], subjects);
        // As long as an envelope's: the epoch and the record's id come behind the context.
        _associated = new byte[new KeyContext("row").Add(tenant.Value).Add(Entity).Add(DataClass).Bytes.Length + 4 + 16];
    }

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        BenchOptions options, int postmaster, Action<string> progress, CancellationToken cancellationToken)
    {
        using var bench = new EnvelopeBench();
        var measured = new List<Measured>();
        foreach (var (bytes, words) in Sizes)
        {
            var content = RandomNumberGenerator.GetBytes(bytes);
            bench.RequireSame(content);
            measured.Add(await Interleaved.RunAsync(
                bench.Group(content, words), options with { Concurrency = 1 }, postmaster, progress, cancellationToken));
        }

        return measured;
    }

    public void Dispose()
    {
        _keys.Dispose();
        _key.Dispose();
        _indexKey.Dispose();
    }

    private Group Group(byte[] content, string words)
    {
        double? perCore = content.Length == 1024 ? PerCoreGoal : null;
        var envelope = _keys.Seal(DataClass, _record, content);
        return new(
            $"Envelopes of {words}",
            "One caller. Sealed: a fresh nonce, header, associated data, a new array. Bare: XAES-256-GCM for one thread with associated "
            + "data of the same length, a nonce from the system's generator, no header. Opened: into an array that is there. "
            + string.Create(
                CultureInfo.InvariantCulture, $"Goals: {Goal:0.0} of bare by CPU, {PerCoreGoal:0} in a core's second at 1 KiB."),
            [
                Call("bare XAES, sealed", null, () =>
                {
                    var bare = new BareXaes(_key.Bytes);
                    return () => bare.Seal(content, _associated);
                }),
                Call("Bulkhead, sealed", "bare XAES, sealed", () => () => _keys.Seal(DataClass, _record, content)) with
                {
                    CpuGoal = Goal, PerCoreGoal = perCore,
                },
                Call("bare XAES, opened", null, () =>
                {
                    var bare = new BareXaes(_key.Bytes);
                    var message = bare.Seal(content, _associated);
                    var output = new byte[content.Length];
                    return () => bare.Open(message, _associated, output);
                }),
                Call("Bulkhead, opened", "bare XAES, opened", () =>
                {
                    var output = new byte[content.Length];
                    return () => _keys.Open(DataClass, _record, envelope, output);
                }) with
                {
                    CpuGoal = Goal, PerCoreGoal = perCore,
                },
            ]);
    }

    /// <summary>Before anything is timed: bare is the same cipher, and both open what they sealed.</summary>
    private void RequireSame(byte[] content)
    {
        using var bare = new BareXaes(_key.Bytes);
        using var ours = new Xaes(_key.Bytes);
        var opened = new byte[content.Length];
        var message = bare.Seal(content, _associated);
        var same = ours.TryOpen(message.AsSpan(0, Xaes.NonceLength), message.AsSpan(Xaes.NonceLength), _associated, opened)
            && opened.AsSpan().SequenceEqual(content);
        Array.Clear(opened);
        _keys.Open(DataClass, _record, _keys.Seal(DataClass, _record, content), opened);
        if (!same || !opened.AsSpan().SequenceEqual(content))
        {
            throw new InvalidOperationException("The two sides do not seal the same.");
        }
    }

    private static Variant Call(string name, string? comparedWith, Func<Action> caller) =>
        new(name, comparedWith, new RepeatedLoad(caller), () => ProcessTime.OfProcess(Environment.ProcessId), InProcess: true);
}
