using System.Collections.Frozen;
using Bulkhead.Kernel.Tenancy;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// The models of the deployed apps. A release is compiled when it is first asked for, once: releases never change, so
/// that a new generation of the catalogue keeps what it still names, and forgets the rest.
/// </summary>
public sealed class AppCatalogue
{
    private readonly Func<CatalogueSnapshot> _current;
    private readonly ILogger _logger;
    private State _state = new(CatalogueSnapshot.Empty, FrozenDictionary<string, Compiled[]>.Empty);

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
    public AppModel? Find(string app, int version)
    {
        foreach (var compiled in Releases(app))
        {
            if (compiled.Release.Version == version)
            {
                return compiled.Model;
            }
        }

        return null;
    }

    /// <summary>The newest version with these access rules; null when none has them.</summary>
    public AppModel? FindByPolicy(string app, string digest)
    {
        foreach (var compiled in Releases(app))
        {
            if (compiled.Model is { } model && model.Policy == digest)
            {
                return model;
            }
        }

        return null;
    }

    /// <summary>The highest version in force, null when there is none.</summary>
    public AppModel? Newest(string app) => Releases(app) is [var newest, ..] ? newest.Model : null;

    /// <summary>Newest first: tenants are at the newest version, but for the moments of a deployment.</summary>
    private ReadOnlySpan<Compiled> Releases(string app) => Apps().TryGetValue(app, out var releases) ? releases : [];

    private FrozenDictionary<string, Compiled[]> Apps()
    {
        var snapshot = _current();
        var state = Volatile.Read(ref _state);
        return ReferenceEquals(state.Snapshot, snapshot) ? state.Apps : Renew(state, snapshot);
    }

    /// <summary>Apart from the lookup: what a lambda captures is allocated where its method begins.</summary>
    private FrozenDictionary<string, Compiled[]> Renew(State state, CatalogueSnapshot snapshot)
    {
        // Two requests may both do this; what they make is the same, and what is compiled is shared or compiled twice
        // at worst.
        var next = snapshot.Apps
            .GroupBy(r => r.Name, StringComparer.Ordinal)
            .ToFrozenDictionary(
                g => g.Key,
                g => g
                    .OrderByDescending(r => r.Version)
                    .Select(r => Known(state, r) ?? new Compiled(r, _logger))
                    .ToArray(),
                StringComparer.Ordinal);
        Volatile.Write(ref _state, new(snapshot, next));
        return next;
    }

    private static Compiled? Known(State state, AppRelease release) =>
        state.Apps.TryGetValue(release.Name, out var releases)
            ? Array.Find(releases, c => c.Release == release)
            : null;

    private sealed record State(CatalogueSnapshot Snapshot, FrozenDictionary<string, Compiled[]> Apps);

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
                logger.ReleaseDoesNotCompile(
                    release.Name, release.Version, result.Faults.Length, result.Faults[0].Code);
            }

            return result.Model;
        }
    }
}
