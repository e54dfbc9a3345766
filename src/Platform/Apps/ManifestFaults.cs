using System.Collections.Immutable;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// Collects the faults of one compilation, up to <see cref="Limit"/>: a hostile file must not make an answer of
/// megabytes.
/// </summary>
internal sealed class ManifestFaults
{
    internal const int Limit = 500;

    private readonly List<ManifestFault> _faults = [];

    internal bool Any => _faults.Count > 0;

    internal void Add(ManifestNode at, string code, string message)
    {
        if (_faults.Count < Limit)
        {
            _faults.Add(new(at.Line, at.Column, code, message));
        }
        else if (_faults.Count == Limit)
        {
            _faults.Add(new(
                at.Line, at.Column, ManifestFaultCode.MoreFaults, $"More than {Limit} faults: mend these first."));
        }
    }

    /// <summary>
    /// Empty once no further message will be kept: looking for near words is the one thing here that takes time.
    /// </summary>
    internal string DidYouMean(string word, IEnumerable<string> known) =>
        _faults.Count < Limit ? ManifestText.DidYouMean(word, known) : "";

    internal ImmutableArray<ManifestFault> InOrder() => [.. _faults.OrderBy(f => f.Line).ThenBy(f => f.Column)];
}
