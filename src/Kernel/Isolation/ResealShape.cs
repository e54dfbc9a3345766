using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// What one table's resealing reads, prepares and replaces. New envelopes and blind indexes grow in columns of their own beside the old
/// ones, while the older version serves; a row is done when <see cref="Resealed"/> is its version. The unit's migration puts them in place.
/// </summary>
internal sealed class ResealShape
{
    public static readonly SqlName Resealed = SqlName.Of("_resealed");

    public ResealShape(SchemaChange.Reseal change)
    {
        Change = change;
        Digest = DigestOf(change);
        var classes = change.To.Select(f => f.Field.DataClass).Distinct().ToImmutableArray();
        Envelopes =
        [
            .. classes.Where(IsChanged).Select(c => new StagedEnvelope(
                c,
                SealedFieldDefinition.EnvelopeOf(c),
                Staging(SealedFieldDefinition.EnvelopeOf(c)),
                [.. change.To.Where(f => f.Field.DataClass == c)])),
        ];
        var kept = change.To.Where(f => KeepsIndex(f)).Select(f => f.Field.Index!).ToHashSet();
        var renewed = change.To.Where(f => f.Field.Index is not null && !KeepsIndex(f)).ToList();
        Indexes = [.. renewed.Where(HasValues).Select(f => new StagedIndex(f, f.Field.Index!, Staging(f.Field.Index!)))];
        Read = [.. ClassesToRead().Order(StringComparer.Ordinal)];
        Columns = [.. change.To.Where(f => f.Column is not null)];
        Dropped =
        [
            .. change.From.Select(f => f.Envelope).Distinct().Where(e => !classes.Any(c => SealedFieldDefinition.EnvelopeOf(c).Equals(e))),
            .. change.From.Select(f => f.Index).OfType<SqlName>().Where(i => !kept.Contains(i) && !Indexes.Any(s => s.Column.Equals(i))),
            .. Columns.Select(f => f.Column!),
        ];
        var staged = Envelopes.Select(e => e.Column).Concat(Indexes.Select(i => i.Column)).ToHashSet();
        var existing = change.From.Select(f => f.Envelope).Concat(kept).ToHashSet();
        Added =
        [
            .. classes.Select(SealedFieldDefinition.EnvelopeOf).Concat(renewed.Select(f => f.Field.Index!))
                .Where(c => !staged.Contains(c) && !existing.Contains(c)),
        ];
    }

    public SchemaChange.Reseal Change { get; }

    public SqlName Table => Change.Table;

    /// <summary>Of the whole change: what was prepared for another one is of no use.</summary>
    public string Digest { get; }

    public ImmutableArray<StagedEnvelope> Envelopes { get; }

    public ImmutableArray<StagedIndex> Indexes { get; }

    /// <summary>Data classes of the older version whose envelopes must be opened.</summary>
    public ImmutableArray<string> Read { get; }

    /// <summary>Fields whose values are in the clear.</summary>
    public ImmutableArray<ResealedField> Columns { get; }

    /// <summary>Columns that the newer version has not, or has empty.</summary>
    public ImmutableArray<SqlName> Dropped { get; }

    /// <summary>Columns that come empty.</summary>
    public ImmutableArray<SqlName> Added { get; }

    /// <summary>Each prepared column with the one that it becomes.</summary>
    public IEnumerable<(SqlName Staging, SqlName Column)> Staged =>
        Envelopes.Select(e => (e.Staging, e.Column)).Concat(Indexes.Select(i => (i.Staging, i.Column)));

    public IEnumerable<string> Classes => Envelopes.Select(e => e.DataClass);

    private static SqlName Staging(SqlName column)
    {
        var name = "_next" + column.Value;
        return SqlName.Of(SqlName.IsValid(name)
            ? name
            : "_next_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..20]);
    }

    private static bool KeepsIndex(ResealedField field) =>
        field.Field.Index is { } index && field.Kept is { } kept && index.Equals(kept.Index) && field.Field.IndexLength == kept.IndexLength;

    private static bool HasValues(ResealedField field) => field is not { Kept: null, Column: null, Default: null };

    /// <summary>A value comes into the envelope, or leaves it.</summary>
    private bool IsChanged(string dataClass)
    {
        var after = Change.To.Where(f => f.Field.DataClass == dataClass).ToList();
        var stays = after.Where(f => f.Kept?.DataClass == dataClass).Select(f => f.Field.Name).ToHashSet(StringComparer.Ordinal);
        return after.Any(f => f.Kept?.DataClass != dataClass && HasValues(f))
            || Change.From.Any(f => f.DataClass == dataClass && !stays.Contains(f.Name));
    }

    private IEnumerable<string> ClassesToRead() => Envelopes.SelectMany(e => e.Fields)
        .Concat(Indexes.Select(i => i.Field))
        .Select(f => f.Kept?.DataClass)
        .OfType<string>()
        .Distinct();

    private static string DigestOf(SchemaChange.Reseal change)
    {
        var text = new StringBuilder(change.Entity);
        foreach (var field in change.From)
        {
            text.Append('\n').Append(field);
        }

        foreach (var field in change.To)
        {
            text.Append('\n').Append(field);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}

internal sealed record StagedEnvelope(string DataClass, SqlName Column, SqlName Staging, ImmutableArray<ResealedField> Fields);

internal sealed record StagedIndex(ResealedField Field, SqlName Column, SqlName Staging);
