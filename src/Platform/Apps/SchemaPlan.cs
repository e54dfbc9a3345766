using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Platform.Apps;

/// <summary>What a new version of an app does to the schema and to its clients.</summary>
/// <param name="Steps">The DDL in order: what goes first, then tables, columns, indexes, and foreign keys last.</param>
/// <param name="Lines">
/// Every change in words, those without DDL as well; empty when nothing changes but the version.
/// </param>
/// <param name="Losses">
/// What would lose data or break what is stored. Applied only when the caller says so; a loss does not stop the
/// planning.
/// </param>
/// <param name="Refusals">
/// What cannot be done at all, whatever the caller says; with any, <paramref name="Steps"/> is empty.
/// </param>
public sealed record SchemaPlanResult(
    ImmutableArray<SchemaChange> Steps,
    ImmutableArray<string> Lines,
    ImmutableArray<string> Losses,
    ImmutableArray<string> Refusals)
{
    public bool IsAllowed(bool allowLoss) => Refusals.IsEmpty && (allowLoss || Losses.IsEmpty);
}

/// <summary>Plans the schema of an app: whole, and from one version to another. Pure: it touches no database.</summary>
public static class SchemaPlan
{
    /// <summary>The whole schema, for a home that is empty.</summary>
    public static ImmutableArray<SchemaChange> Create(AppModel model)
    {
        var steps = new SchemaSteps();
        foreach (var entity in model.Entities)
        {
            steps.AddEntity(entity, model);
        }

        return steps.InOrder();
    }

    /// <summary>
    /// The steps between two versions of one app. Entities and fields are the same when their names are: a renamed
    /// field is one that goes and one that comes.
    /// </summary>
    /// <exception cref="ArgumentException">The models are of different apps.</exception>
    public static SchemaPlanResult Between(AppModel from, AppModel to)
    {
        if (from.Name != to.Name)
        {
            throw new ArgumentException($"{from.Label} and {to.Label} are different apps.", nameof(to));
        }

        var difference = new SchemaDifference(from, to);
        difference.Compare();
        return difference.Result();
    }
}
