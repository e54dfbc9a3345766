using System.Collections.Immutable;
using Bulkhead.Verify.Notes;

namespace Bulkhead.Verify.Export;

/// <summary>
/// The log had at least so many entries at this time, and where this is the newest, not one more: as it says itself, or, where witnesses are
/// named, as they saw it. An old head in a tree that was cosigned today is not the newest.
/// </summary>
internal sealed record Sighting(ulong Size, ulong Time, ImmutableArray<string> Witnesses, bool IsNewest);

/// <summary>What an export turned out to be.</summary>
internal sealed record Verified(ExportHeader Header, ulong Entries, ulong Hidden, Checkpoint? Checkpoint, ImmutableArray<Sighting> Sightings);
