namespace Bulkhead.Bench.Measure;

/// <summary>The middle of the rounds, and between what the middle half of them lies.</summary>
internal readonly record struct Spread(double Median, double Low, double High)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new(At(0.5), At(0.25), At(0.75));

        double At(double share)
        {
            var place = share * (sorted.Length - 1);
            var below = (int)place;
            var above = Math.Min(below + 1, sorted.Length - 1);
            return sorted[below] + ((sorted[above] - sorted[below]) * (place - below));
        }
    }
}
