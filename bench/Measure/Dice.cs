namespace Bulkhead.Bench.Measure;

/// <summary>Numbers to choose rows by, xorshift32: cheap, repeatable, and nothing secret hangs on them.</summary>
internal sealed class Dice(uint seed)
{
    private uint _state = seed | 1;

    /// <returns>0 to below <paramref name="sides"/>.</returns>
    public int Next(int sides)
    {
        _state ^= _state << 13;
        _state ^= _state >> 17;
        _state ^= _state << 5;
        return (int)(_state % (uint)sides);
    }
}
