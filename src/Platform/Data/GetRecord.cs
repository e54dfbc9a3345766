using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary><c>GET /api/v1/{plural}/{id}</c>: one round trip, the entry of an audited read in it.</summary>
internal static class GetRecord
{
    private const string Action = "data.read";

    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.EnterAsync(http, EntityActions.Read, Action) is not { } call)
        {
            return;
        }

        var view = call.View;
        Selection? selection = null;
        if (http.Request.QueryString.HasValue)
        {
            selection = QueryParser.Get(
                view, call.Tenant.Context.Actor, api.Views, api.Limits, http.Request.QueryString.Value, out var faults);
            if (selection is null)
            {
                await FieldDenials.RecordQueryAsync(api, http, call, Action);
                await Answers.RefuseQueryAsync(http, faults);
                return;
            }
        }

        if (!DataApi.TryGetId(http, out var id))
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
            return;
        }

        await ReadAsync(api, http, call, selection, id);
    }

    private static async Task ReadAsync(DataApi api, HttpContext http, DataCall call, Selection? selection, Guid id)
    {
        var shape = selection?.Shape ?? call.View.Whole;
        using var buffer = JsonBuffer.Rent();
        using var opened = await api.OpenerAsync(call.Tenant, call.View, !shape.Envelopes.IsEmpty, http.RequestAborted);
        using var expanded = selection is { Expansions.IsEmpty: false }
            ? await ExpandedRecords.PrepareAsync(api, call.Tenant, selection.Expansions, http.RequestAborted)
            : null;
        var work = new TenantWork();
        expanded?.AddTo(work, Sql.Of($" from {call.View.Table} where id = {SqlValue.Uuid(id)}"), 1);

        Guid? version = null;
        void Take(Row row)
        {
            version = row.Uuid(1);
            opened?.Open(row, shape.Envelopes);
            shape.Write(buffer.Writer, row, opened, expanded);
        }

        SqlValue[] arguments = [SqlValue.Uuid(id)];
        _ = shape.IsAudited
            ? work.Read(shape.GetById, shape.ReadEntry, Take, arguments)
            : work.Read(shape.GetById, Take, arguments);
        await api.Database.RunAsync(call.Tenant.Context, work, http.RequestAborted);
        if (version is not { } found)
        {
            await ProblemResults.NotFoundAsync(http, http.RequestAborted);
            return;
        }

        buffer.EndValue();
        if (expanded is { IsTooLarge: true })
        {
            await Answers.TooLargeAsync(http);
            return;
        }

        Answers.SetETag(http, found);
        await Answers.WriteAsync(http, StatusCodes.Status200OK, buffer.Written);
    }
}
