using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Platform.Audit;

/// <summary>What discloses values of entries, in an export.</summary>
/// <param name="Fields">Names; null for every field.</param>
internal sealed record DisclosedFields(Disclosures Disclosures, ImmutableArray<string>? Fields)
{
    /// <summary>By entry. Where a person was forgotten, or somebody edited the row, there are none.</summary>
    public async Task<ILookup<Guid, string>> OfAsync(
        RequestContext context, IEnumerable<LoggedEntry?> entries, CancellationToken cancellationToken)
    {
        var ids = entries.OfType<LoggedEntry>().Where(entry => entry.Body is not null).Select(entry => entry.Id).ToArray();
        var found = await Disclosures.OpenAsync(context, ids, cancellationToken);
        return found
            .SelectMany(pair => pair.Value.Values, (pair, value) => (Entry: pair.Key, value.Field, value.Text))
            .Where(value => Fields is not { } named || named.Contains(value.Field))
            .ToLookup(value => value.Entry, value => value.Text);
    }
}
