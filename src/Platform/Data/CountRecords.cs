using Bulkhead.Kernel.Isolation;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary><c>GET /api/v1/counts</c>: records per entity that the actor may list, in one statement.</summary>
internal static class CountRecords
{
    public static async Task HandleAsync(DataApi api, HttpContext http)
    {
        if (await api.Authentication.TenantAsync(http) is not { } call || !await DataApi.HasNoQueryAsync(http))
        {
            return;
        }

        var listed = new List<EntityView>();
        foreach (var entity in call.App.Entities)
        {
            if (api.Views.For(call.App, call.Context.Actor, entity) is { } view && view.Allows(Apps.EntityActions.List))
            {
                listed.Add(view);
            }
        }

        var counts = new long[listed.Count];
        if (listed.Count > 0)
        {
            var query = Sql.Join(
                " union all ",
                listed.Select((view, i) => Sql.Of($"select {SqlValue.Integer(i)}, count(*) from {view.Table}")));
            await api.Database.RunAsync(
                call.Context,
                new TenantWork().Read(query, row => counts[row.Integer(0)] = row.Integer(1)),
                http.RequestAborted);
        }

        using var buffer = JsonBuffer.Rent();
        buffer.Writer.WriteStartObject();
        buffer.Writer.WriteStartObject("data"u8);
        for (var i = 0; i < counts.Length; i++)
        {
            buffer.Writer.WriteNumber(listed[i].Entity.Plural, counts[i]);
        }

        buffer.Writer.WriteEndObject();
        buffer.Writer.WriteEndObject();
        buffer.EndValue();
        await Answers.WriteAsync(http, StatusCodes.Status200OK, buffer.Written);
    }
}
