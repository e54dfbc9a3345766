using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary><c>GET /api/v1/{plural}</c>: a page in one round trip, and the cursor of the next.</summary>
internal static class ListRecords
{
    private const string Action = "data.list";

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.List, Action) is not { } call)
        {
            return;
        }

        var query = QueryParser.List(
            call.View, call.Tenant.Context.Actor, api.Views, api.Limits, http.Request.QueryString.Value,
                out var faults);
        if (query is null)
        {
            await FieldDenials.RecordQueryAsync(api, http, call, Action);
            await Answers.RefuseQueryAsync(http, faults);
            return;
        }

        ImmutableArray<FieldValue>? after = null;
        if (query.After is { } cursor)
        {
            after = Cursor.Open(api.Sealing, call.Tenant, query, cursor);
            if (after is null)
            {
                await Answers.RefuseQueryAsync(
                    http, [new Fault("invalid-cursor", "The cursor belongs to another query.", Parameter: "after")]);
                return;
            }
        }

        var keys = query.Filters.Any(filter => filter.Field.IsSealed) ? await api.KeysAsync(call, http.RequestAborted) : null;
        await ReadAsync(api, http, call, query, ListSql.Compile(query, after, keys));
    }

    private static async Task ReadAsync(DataApi api, HttpContext http, DataCall call, ListQuery query, ListSql sql)
    {
        using var buffer = JsonBuffer.Rent();
        using var expanded = query.Selection.Expansions.IsEmpty
            ? null
            : await ExpandedRecords.PrepareAsync(api, call.Tenant, query.Selection.Expansions, http.RequestAborted);
        using var opened = await api.OpenerAsync(call.Tenant, call.View, !sql.Envelopes.IsEmpty, http.RequestAborted);
        var work = new TenantWork();
        expanded?.AddTo(work, sql.Source, query.Limit);

        var page = new Page(query, sql, buffer, opened, expanded, api.Limits);
        _ = query.IsAudited
            ? work.Read(sql.Page, Entry(query), page.Take, sql.Arguments)
            : work.Read(sql.Page, page.Take, sql.Arguments);
        buffer.Writer.WriteStartObject();
        buffer.Writer.WriteStartArray("data"u8);
        await api.Database.RunAsync(call.Tenant.Context, work, http.RequestAborted);
        if (page.IsTooLarge || expanded is { IsTooLarge: true })
        {
            await Answers.TooLargeAsync(http);
            return;
        }

        string? next = null;
        if (page.Last is { } keys)
        {
            next = Cursor.Seal(api.Sealing, call.Tenant, query, keys, api.Limits);
            if (next is null)
            {
                await Answers.RefuseQueryAsync(http,
                [
                    new Fault("sort-key-too-long", "The page ends at values that are too long for a cursor.",
                        Parameter: "sort"),
                ]);
                return;
            }
        }

        buffer.Writer.WriteEndArray();
        buffer.Writer.WriteString("next"u8, next);
        buffer.Writer.WriteEndObject();
        buffer.EndValue();
        await Answers.WriteAsync(http, StatusCodes.Status200OK, buffer.Written);
    }

    /// <summary>Names of the filters, never what was searched for.</summary>
    private static AuditEvent Entry(ListQuery query)
    {
        // One more than is shown tells that there are more, and is named too.
        var entry = query.Selection.Shape.ListEntry with { Numbers = query.Selection.Shape.View.Read(query.Limit + 1) };
        return query.Filters.IsEmpty ? entry : entry with
        {
            Details = Entries.Detail(
                "filters",
                string.Join(',',
                    query.Filters.Select(filter => filter.Field.Name).Distinct().Order(StringComparer.Ordinal))),
        };
    }

    /// <summary>Writes rows as they come, and keeps the sort keys of the last one when another follows.</summary>
    private sealed class Page(
        ListQuery query, ListSql sql, JsonBuffer buffer, OpenedRecord? opened, ExpandedRecords? expanded, DataLimits limits)
    {
        private ImmutableArray<FieldValue> _keys;
        private int _count;

        public bool IsTooLarge { get; private set; }

        /// <summary>Keys of the last record shown; null on the last page.</summary>
        public ImmutableArray<FieldValue>? Last { get; private set; }

        public void Take(Row row)
        {
            if (IsTooLarge)
            {
                return;
            }

            if (_count == query.Limit)
            {
                Last = _keys;
                return;
            }

            opened?.Open(row, sql.Envelopes);
            if (IsSought())
            {
                query.Selection.Shape.Write(buffer.Writer, row, opened, expanded);
            }

            IsTooLarge = buffer.Size > limits.MaxAnswerBytes;
            if (++_count < query.Limit)
            {
                return;
            }

            _keys = KeysOf(row);
            if (sql.TotalColumn >= 0 && row.Integer(sql.TotalColumn) > query.Limit)
            {
                Last = _keys;
            }
        }

        /// <summary>Two values may have the same blind index.</summary>
        private bool IsSought()
        {
            foreach (var filter in query.Filters)
            {
                if (filter.Field.IsSealed && !IsSought(filter, opened!.Of(filter.Field)))
                {
                    return false;
                }
            }

            return true;
        }

        private static bool IsSought(Filter filter, FieldValue value) => filter.Operator switch
        {
            FilterOperator.IsNull => value.IsNull,
            FilterOperator.IsNotNull => !value.IsNull,
            _ => filter.Values.Contains(value),
        };

        private ImmutableArray<FieldValue> KeysOf(Row row)
        {
            var keys = ImmutableArray.CreateBuilder<FieldValue>(query.Sort.Length);
            for (var i = 0; i < query.Sort.Length; i++)
            {
                keys.Add(FieldValue.From(row, sql.KeyColumns[i], query.Sort[i].Field.Type));
            }

            return keys.MoveToImmutable();
        }
    }
}
