using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.WebUtilities;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Reads the query string of a list or a get. Every fault is told at once; what the actor may not search or see is told
/// exactly like what does not exist.
/// </summary>
internal sealed class QueryParser(EntityView view, Actor actor, EntityViews views, DataLimits limits)
{
    private readonly List<Fault> _faults = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private readonly ImmutableArray<Filter>.Builder _filters = ImmutableArray.CreateBuilder<Filter>();
    private readonly ImmutableArray<SortKey>.Builder _sort = ImmutableArray.CreateBuilder<SortKey>();
    private readonly ImmutableArray<Expansion>.Builder _expansions = ImmutableArray.CreateBuilder<Expansion>();
    private HashSet<RecordField>? _fields;
    private int _limit = limits.DefaultPage;
    private string? _after;

    /// <summary>Null when there are faults.</summary>
    public static ListQuery? List(
        EntityView view, Actor actor, EntityViews views, DataLimits limits, string? query,
            out IReadOnlyList<Fault> faults)
    {
        var parser = new QueryParser(view, actor, views, limits);
        parser.Read(query, isList: true);
        faults = parser._faults;
        return faults.Count > 0
            ? null
            : new ListQuery(
                view, parser._filters.ToImmutable(), parser.Sort(), parser._limit, parser.Select(), parser._after);
    }

    /// <summary>Of a get: only <c>fields</c> and <c>expand</c>. Null when there are faults.</summary>
    public static Selection? Get(
        EntityView view, Actor actor, EntityViews views, DataLimits limits, string? query,
            out IReadOnlyList<Fault> faults)
    {
        var parser = new QueryParser(view, actor, views, limits);
        parser.Read(query, isList: false);
        faults = parser._faults;
        return faults.Count > 0 ? null : parser.Select();
    }

    private void Read(string? query, bool isList)
    {
        foreach (var pair in new QueryStringEnumerable(query))
        {
            var name = pair.DecodeName().ToString();
            var value = pair.DecodeValue().ToString();
            if (_faults.Count >= limits.MaxFaults)
            {
                return;
            }

            if (!_seen.Add(name))
            {
                Refuse("duplicate-parameter", name, "The parameter is given more than once.");
                continue;
            }

            switch (name)
            {
                case "fields":
                    ReadFields(value);
                    break;
                case "expand":
                    ReadExpand(value);
                    break;
                case "limit" when isList:
                    ReadLimit(value);
                    break;
                case "sort" when isList:
                    ReadSort(value);
                    break;
                case "after" when isList:
                    _after = value;
                    break;
                default:
                    ReadFilter(name, value, isList);
                    break;
            }
        }
    }

    private void ReadFields(string value)
    {
        _fields = [RecordField.Id];
        foreach (var name in value.Split(','))
        {
            if (view.Readable(name) is { } field)
            {
                _fields.Add(field);
            }
            else
            {
                Refuse("unknown-field", "fields", "The list names a field that does not exist.");
            }
        }
    }

    private void ReadExpand(string value)
    {
        var names = value.Split(',');
        if (names.Length > limits.MaxExpansions)
        {
            Refuse("too-many-values", "expand", $"At most {limits.MaxExpansions} expansions.");
            return;
        }

        foreach (var name in names)
        {
            if (_expansions.Any(known => known.Name == name))
            {
                Refuse("invalid-parameter", "expand", "An expansion is named twice.");
            }
            else if (Expansion.Find(view, actor, views, name) is { } expansion)
            {
                _expansions.Add(expansion);
            }
            else
            {
                Refuse("unknown-expansion", "expand", "The list names an expansion that does not exist.");
            }
        }
    }

    private void ReadLimit(string value)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _limit)
            || _limit < 1 || _limit > limits.MaxPage)
        {
            Refuse("invalid-parameter", "limit", $"A whole number from 1 to {limits.MaxPage}.");
        }
    }

    private void ReadSort(string value)
    {
        var keys = value.Split(',');
        if (keys.Length > limits.MaxSortKeys)
        {
            Refuse("too-many-values", "sort", $"At most {limits.MaxSortKeys} sort keys.");
            return;
        }

        foreach (var key in keys)
        {
            var descending = key.StartsWith('-');
            if (view.Searchable(descending ? key[1..] : key) is not { } field)
            {
                Refuse("unknown-field", "sort", "The list names a field that does not exist.");
            }
            else if (field.IsSealed)
            {
                Refuse("sealed-field", "sort", $"'{field.Name}' is sealed: the database does not know its order.");
            }
            else if (field.Type == FieldType.Json)
            {
                Refuse("not-sortable", "sort", "A json field cannot be sorted by.");
            }
            else if (_sort.Any(known => known.Field == field))
            {
                Refuse("invalid-parameter", "sort", "A field is named twice.");
            }
            else
            {
                _sort.Add(new(field, descending));
            }
        }
    }

    private void ReadFilter(string name, string value, bool isList)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (!isList || view.Searchable(dot < 0 ? name : name[..dot]) is not { } field)
        {
            Refuse("unknown-parameter", name, "There is no such parameter or field.");
            return;
        }

        if (Operator(field.Type, dot < 0 ? "eq" : name[(dot + 1)..]) is not { } operation)
        {
            Refuse("unknown-operator", name, "The field has no such operator.");
            return;
        }

        if (field.IsSealed && Sealed(field, operation) is { } reason)
        {
            Refuse("sealed-field", name, reason);
            return;
        }

        if (_filters.Count >= limits.MaxFilters)
        {
            Refuse("too-many-values", name, $"At most {limits.MaxFilters} filters.");
            return;
        }

        if (operation == FilterOperator.IsNull)
        {
            ReadNullFilter(name, field, value);
            return;
        }

        var texts = operation == FilterOperator.In ? SplitList(value) : [value];
        if (texts.Count > limits.MaxInValues)
        {
            Refuse("too-many-values", name, $"At most {limits.MaxInValues} values.");
            return;
        }

        var values = ImmutableArray.CreateBuilder<FieldValue>(texts.Count);
        foreach (var text in texts)
        {
            if (!FieldSyntax.TryParse(field.Type, field.Values, text, out var parsed))
            {
                Refuse("invalid-value", name, $"The value is not {FieldSyntax.Describe(field.Type)}.");
                return;
            }

            values.Add(parsed);
        }

        _filters.Add(new(field, operation, values.MoveToImmutable()));
    }

    private void ReadNullFilter(string name, RecordField field, string value)
    {
        if (value is not ("true" or "false"))
        {
            Refuse("invalid-value", name, "The value is true or false.");
            return;
        }

        _filters.Add(new(field, value == "true" ? FilterOperator.IsNull : FilterOperator.IsNotNull, []));
    }

    /// <summary>Why a sealed field cannot be searched so; null when it can.</summary>
    private static string? Sealed(RecordField field, FilterOperator operation) => (field.Model!.BlindIndex, operation) switch
    {
        (null, _) => $"'{field.Name}' is sealed: it can be searched only where the app declares 'search: equality' for it.",
        (_, FilterOperator.Eq or FilterOperator.In or FilterOperator.IsNull) => null,
        _ => $"'{field.Name}' is sealed: it can be searched for equality only (eq, in, null), for neither order nor parts.",
    };

    private static FilterOperator? Operator(FieldType type, string word) => (word, type) switch
    {
        ("null", _) => FilterOperator.IsNull,
        (_, FieldType.Json) => null,
        ("eq", _) => FilterOperator.Eq,
        ("ne", _) => FilterOperator.Ne,
        ("in", _) => FilterOperator.In,
        (_, FieldType.Boolean) => null,
        ("gt", _) => FilterOperator.Gt,
        ("gte", _) => FilterOperator.Gte,
        ("lt", _) => FilterOperator.Lt,
        ("lte", _) => FilterOperator.Lte,
        ("prefix", FieldType.Text) => FilterOperator.Prefix,
        _ => null,
    };

    /// <summary>Comma separated; a comma or backslash inside a value is escaped by a backslash.</summary>
    private static List<string> SplitList(string text)
    {
        var values = new List<string>();
        var current = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] is ',' or '\\')
            {
                current.Append(text[++i]);
            }
            else if (text[i] == ',')
            {
                values.Add(current.ToString());
                current.Clear();
            }
            else
            {
                current.Append(text[i]);
            }
        }

        values.Add(current.ToString());
        return values;
    }

    private ImmutableArray<SortKey> Sort()
    {
        for (var i = 0; i < _sort.Count; i++)
        {
            if (_sort[i].Field == RecordField.Id)
            {
                // Ids are unique: what stands behind one orders nothing.
                return [.. _sort.Take(i + 1)];
            }
        }

        _sort.Add(new(RecordField.Id, _sort.Count > 0 && _sort[^1].Descending));
        return _sort.ToImmutable();
    }

    private Selection Select()
    {
        var expansions = _expansions.ToImmutable();
        if (_fields is null)
        {
            return new(view.Whole, expansions);
        }

        // What is expanded is shown: its reference comes with it.
        foreach (var expansion in expansions)
        {
            if (expansion.Reference is { } reference)
            {
                _fields.Add(reference);
            }
        }

        return new(view.Shape(_fields), expansions);
    }

    private void Refuse(string code, string parameter, string detail) =>
        _faults.Add(new Fault(code, detail, Parameter: parameter.Length > 200 ? parameter[..200] : parameter));
}
