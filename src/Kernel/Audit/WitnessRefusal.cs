namespace Bulkhead.Kernel.Audit;

/// <summary>Why a witness did not sign. The names are stable: the API shows them.</summary>
public enum WitnessRefusalKind
{
    /// <summary>No answer came.</summary>
    Unreachable,

    /// <summary>It said that it signed, and no signature of the key that we know was there.</summary>
    Unsigned,

    /// <summary>403: it knows our log by another key.</summary>
    OtherKey,

    /// <summary>404: it does not watch our log.</summary>
    UnknownLog,

    /// <summary>Another status.</summary>
    Refused,

    /// <summary>It signed more than our log of heads has: heads were lost here.</summary>
    HeadsLost,

    /// <summary>409: of the size that it signed, our log of heads has another root.</summary>
    SplitView,

    /// <summary>422: our log of heads does not continue what it signed.</summary>
    NotContinued,
}

/// <param name="Status">Of HTTP; null when no answer came, or it was not asked.</param>
/// <param name="Known">The size that it signed.</param>
/// <param name="Size">The size that it was to sign.</param>
/// <param name="Since">When it refused so first.</param>
public sealed record WitnessRefusal(WitnessRefusalKind Kind, int? Status, long Known, long Size, DateTimeOffset Since)
{
    /// <summary>Whether the log of heads has another history here than at the witness: the worst that it can find.</summary>
    public bool IsOtherHistory => Kind is WitnessRefusalKind.HeadsLost or WitnessRefusalKind.SplitView or WitnessRefusalKind.NotContinued;
}
