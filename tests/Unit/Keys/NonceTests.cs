using System.Globalization;
using System.Runtime.InteropServices;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>The one thing that AES-GCM does not forgive. How many are drawn depends on the tier: 10^6, and 10^7 in soak.</summary>
public sealed class NonceTests
{
    private static readonly int Count = Environment.GetEnvironmentVariable("BULKHEAD_TIER") == "soak" ? 10_000_000 : 1_000_000;

    [Fact]
    public void No_nonce_comes_twice_from_one_thread()
    {
        var drawn = new UInt128[Count];
        Draw(drawn);
        AllDiffer(drawn);
    }

    [Fact]
    public async Task No_nonce_comes_twice_from_eight_threads()
    {
        var drawn = new UInt128[Count];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(part => Task.Factory.StartNew(
            () => Draw(drawn.AsSpan(part * (Count / 8), Count / 8)),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        AllDiffer(drawn.AsSpan(0, Count / 8 * 8).ToArray());
    }

    [Fact]
    public void Lengths_may_mix_and_every_byte_is_handed_out_once()
    {
        // Overlapping bytes of two draws would show as a common run of 8.
        var runs = new HashSet<ulong>();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[8 * (1 + (i % 5))];
            Nonces.Fill(bytes);
            foreach (var run in MemoryMarshal.Cast<byte, ulong>(bytes))
            {
                Assert.True(runs.Add(run), $"a run of bytes came twice, at draw {i.ToString(CultureInfo.InvariantCulture)}");
            }
        }

        Assert.Throws<ArgumentException>(() => Nonces.Fill(new byte[6145]));
    }

    private static void Draw(Span<UInt128> into)
    {
        // The first 128 of 192 bits: if those never repeat, the whole does not.
        Span<byte> nonce = stackalloc byte[Xaes.NonceLength];
        for (var i = 0; i < into.Length; i++)
        {
            Nonces.Fill(nonce);
            into[i] = MemoryMarshal.Read<UInt128>(nonce);
        }
    }

    private static void AllDiffer(UInt128[] drawn)
    {
        Array.Sort(drawn);
        for (var i = 1; i < drawn.Length; i++)
        {
            Assert.True(drawn[i - 1] != drawn[i], "a nonce came twice");
        }
    }
}
