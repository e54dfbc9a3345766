using System.Collections.Frozen;

namespace Bulkhead.Platform.Apps;

/// <summary>What a new version changes without any DDL: title, audit, roles and masks.</summary>
internal static class AccessDifference
{
    internal static IEnumerable<string> Lines(AppModel from, AppModel to)
    {
        if (from.Title != to.Title || from.Description != to.Description)
        {
            yield return "change the app's title or description";
        }

        if (!from.AuditedReads.SetEquals(to.AuditedReads))
        {
            yield return $"change the reads that are recorded: {Classes(from.AuditedReads)} becomes {Classes(to.AuditedReads)}";
        }

        if (!from.RecordedValues.SetEquals(to.RecordedValues))
        {
            yield return $"change the values that entries have digests of: {Classes(from.RecordedValues)} becomes {Classes(to.RecordedValues)}";
        }

        if (Commits(from) != Commits(to))
        {
            yield return $"change what entries commit to: {Commits(from)} becomes {Commits(to)}";
        }

        foreach (var role in to.Roles.Values.OrderBy(r => r.Name, StringComparer.Ordinal))
        {
            if (!from.Roles.TryGetValue(role.Name, out var old))
            {
                yield return $"add role {role.Name}";
                continue;
            }

            foreach (var line in Role(old, role))
            {
                yield return line;
            }
        }

        foreach (var name in from.Roles.Keys.Except(to.Roles.Keys).Order(StringComparer.Ordinal))
        {
            yield return $"drop role {name}: accounts that have it lose what it grants";
        }
    }

    private static IEnumerable<string> Role(RoleModel old, RoleModel role)
    {
        if (old.Audit != role.Audit)
        {
            var now = ManifestWords<AuditGrant>.WordOf(role.Audit);
            yield return $"change role {role.Name}: audit {ManifestWords<AuditGrant>.WordOf(old.Audit)} becomes {now}";
        }

        if (old.Keys != role.Keys)
        {
            var now = ManifestWords<KeysGrant>.WordOf(role.Keys);
            yield return $"change role {role.Name}: keys {ManifestWords<KeysGrant>.WordOf(old.Keys)} becomes {now}";
        }

        if (old.Description != role.Description)
        {
            yield return $"change role {role.Name}: description";
        }

        foreach (var entity in old.Grants.Keys.Union(role.Grants.Keys).Order(StringComparer.Ordinal))
        {
            var before = old.Grants.GetValueOrDefault(entity);
            var after = role.Grants.GetValueOrDefault(entity);
            if (after is null)
            {
                yield return $"change role {role.Name}: {entity} no longer exists for it";
            }
            else if (before is null)
            {
                yield return $"change role {role.Name}: {entity} exists for it ({Actions(after.Actions)})";
            }
            else
            {
                foreach (var line in Grant($"change role {role.Name} on {entity}", before, after))
                {
                    yield return line;
                }
            }
        }
    }

    private static IEnumerable<string> Grant(string head, GrantModel old, GrantModel grant)
    {
        if (old.Actions != grant.Actions)
        {
            yield return $"{head}: {Actions(old.Actions)} becomes {Actions(grant.Actions)}";
        }

        foreach (var line in Fields($"{head}: reads", old.Readable, grant.Readable)
            .Concat(Fields($"{head}: writes", old.Writable, grant.Writable)))
        {
            yield return line;
        }

        var masks = old.Masks.Keys.Union(grant.Masks.Keys).Order(StringComparer.Ordinal);
        foreach (var field in masks.Where(f => old.Masks.GetValueOrDefault(f) != grant.Masks.GetValueOrDefault(f)))
        {
            var now = grant.Masks.GetValueOrDefault(field) is { } mask
                ? $"masked by {mask.Name}"
                : "shown in the clear";
            yield return $"{head}: {field} is {now}";
        }
    }

    private static IEnumerable<string> Fields(string head, FrozenSet<string> old, FrozenSet<string> now)
    {
        if (now.Except(old).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } more)
        {
            yield return $"{head} also {string.Join(", ", more)}";
        }

        if (old.Except(now).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } less)
        {
            yield return $"{head} no longer {string.Join(", ", less)}";
        }
    }

    private static string Actions(EntityActions actions) => string.Join(
        ", ",
        Enum.GetValues<EntityActions>()
            .Where(a => a != EntityActions.None && actions.HasFlag(a))
            .Select(ManifestWords<EntityActions>.WordOf)
            .DefaultIfEmpty("no action"));

    private static string Commits(AppModel app) => string.Join(
        ", ",
        app.Commits.Concat(app.Entities.SelectMany(e => e.Commits).Select(f => f.Attribute)).Order(StringComparer.Ordinal).DefaultIfEmpty("nothing"));

    private static string Classes(FrozenSet<DataClass> classes) =>
        string.Join(", ", classes.Order().Select(ManifestWords<DataClass>.WordOf).DefaultIfEmpty("none"));
}
