using System.Collections.Frozen;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// The models of the deployed apps. A release is compiled when it is first asked for, once: releases never change, so that a new
/// generation of the catalogue keeps what it still names, and forgets the rest.
/// </summary>
public sealed class AppCatalogue
{
    private readonly Func<CatalogueSnapshot> _current;
    private readonly ILogger _logger;
    private State _state = new(CatalogueSnapshot.Empty, FrozenDictionary<(string, int), Compiled>.Empty);

    public AppCatalogue(Catalogue catalogue, ILogger<AppCatalogue> logger)
        : this(() => catalogue.Current, logger)
    {
    }

    internal AppCatalogue(Func<CatalogueSnapshot> current, ILogger logger)
    {
        _current = current;
        _logger = logger;
    }

    /// <summary>
    /// Null when the app has no such version in force, or when this program can no longer compile it, which is logged.
    /// A lookup takes no lock and allocates nothing while the catalogue stays as it is.
    /// </summary>
    public AppModel? Find(string app, int version) =>
        Of(_current()).TryGetValue((app, version), out var compiled) ? compiled.Model : null;

    /// <summary>The highest version in force, null when there is none.</summary>
    public AppModel? Newest(string app)
    {
        var newest = 0;
        foreach (var release in _current().Apps)
        {
            newest = release.Name == app ? Math.Max(newest, release.Version) : newest;
        }

        return newest == 0 ? null : Find(app, newest);
    }

    private FrozenDictionary<(string, int), Compiled> Of(CatalogueSnapshot snapshot)
    {
        var state = Volatile.Read(ref _state);
        if (ReferenceEquals(state.Snapshot, snapshot))
        {
            return state.Apps;
        }

        // Two requests may both do this; what they make is the same, and what is compiled is shared or compiled twice at worst.
        var next = snapshot.Apps.ToFrozenDictionary(
            r => (r.Name, r.Version),
            r => state.Apps.TryGetValue((r.Name, r.Version), out var known) && known.Release.Manifest == r.Manifest
                ? known
                : new Compiled(r, _logger));
        Volatile.Write(ref _state, new(snapshot, next));
        return next;
    }

    private sealed record State(CatalogueSnapshot Snapshot, FrozenDictionary<(string, int), Compiled> Apps);

    private sealed class Compiled(AppRelease release, ILogger logger)
    {
        private readonly Lazy<AppModel?> _model = new(() => Compile(release, logger));

        public AppRelease Release { get; } = release;

        public AppModel? Model => _model.Value;

        private static AppModel? Compile(AppRelease release, ILogger logger)
        {
            var result = ManifestCompiler.Compile(release.Manifest);
            if (result.Model is null)
            {
                logger.ReleaseDoesNotCompile(release.Name, release.Version, result.Faults.Length, result.Faults[0].Code);
            }

            return result.Model;
        }
    }
}
