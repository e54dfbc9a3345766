using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Host.Demo;

/// <summary>
/// The same numbers from the same seed on every machine and runtime (SplitMix64), so that a demo generated twice is the
/// same demo. Predictable by intent: never for secrets.
/// </summary>
internal sealed class SeededNumbers
{
    private ulong _state;

    public SeededNumbers(string seed) =>
        _state = BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(seed)));

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public int Between(int low, int high) => low + (int)(Next() % (ulong)(high - low + 1));

    public bool Chance(int percent) => Between(1, 100) <= percent;

    public T Pick<T>(ReadOnlySpan<T> from) => from[Between(0, from.Length - 1)];

    /// <summary>An amount of money with two digits.</summary>
    public decimal Money(int low, int high) => Between(low * 100, high * 100) / 100m;

    public DateOnly Date(DateOnly low, DateOnly high) => low.AddDays(Between(0, high.DayNumber - low.DayNumber));
}
