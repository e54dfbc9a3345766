namespace Bulkhead.Kernel.Proofs;

/// <summary>
/// What a call into libcrypto needs for a moment: one for each thread, so that nothing is allocated and nothing locked. No call of ours
/// is entered again on the same thread while it uses this.
/// </summary>
internal sealed class Workspace
{
    [ThreadStatic]
    private static Workspace? _mine;

    private readonly List<BigNumber> _scalars = [];

    public static Workspace Mine => _mine ??= new();

    public BigNumberContext Context { get; } = BigNumberContext.New();

    public BigNumber First { get; } = BigNumber.New();

    public BigNumber Second { get; } = BigNumber.New();

    public CurvePoint Sum { get; } = CurvePoint.Infinity();

    public CurvePoint Term { get; } = CurvePoint.Infinity();

    /// <summary>As many numbers as there are scalars in a sum; they stay, for the next sum.</summary>
    public BigNumber Scalar(int index)
    {
        while (_scalars.Count <= index)
        {
            _scalars.Add(BigNumber.New());
        }

        return _scalars[index];
    }
}
