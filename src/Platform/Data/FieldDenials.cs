using Bulkhead.Platform.Access;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Data;

/// <summary>
/// A refusal says of a field that is not the actor's that there is none. The log says what was tried: a field that exists
/// and was asked for in vain is a denial, and has its entry.
/// </summary>
internal static class FieldDenials
{
    /// <summary>For a query: filters, sort, fields and expansions.</summary>
    public static Task RecordQueryAsync(DataApi api, HttpContext http, DataCall call, string action)
    {
        var query = http.Request.Query;
        var asked = query.Keys.Where(name => name is not ("fields" or "sort" or "expand")).Select(Bare)
            .Concat(Items(query["sort"]).Select(name => name.TrimStart('-')))
            .Concat(Items(query["expand"]));
        var denied = asked.Any(name => Exists(call, name) && call.View.Searchable(name) is null)
            || Items(query["fields"]).Any(name => Exists(call, name) && call.View.Readable(name) is null);
        return denied ? RecordAsync(api, http, call, action) : Task.CompletedTask;
    }

    /// <summary>For a body: fields that the actor may not write.</summary>
    public static Task RecordBodyAsync(
        DataApi api, HttpContext http, DataCall call, string action, IReadOnlyList<Fault> faults)
    {
        var denied = faults.Any(fault => fault.Code is "unknown-field" or "read-only-field"
            && fault.Pointer is ['/', .. var name] && Exists(call, name));
        return denied ? RecordAsync(api, http, call, action) : Task.CompletedTask;
    }

    private static Task RecordAsync(DataApi api, HttpContext http, DataCall call, string action) =>
        api.Denials.RecordAsync(call.Tenant, "unknown-field", action, call.View.Entity.Name, http.RequestAborted);

    private static bool Exists(DataCall call, string name) =>
        call.View.Entity.ByName.ContainsKey(name) || call.View.Entity.Inverses.Any(inverse => inverse.Name == name);

    private static string Bare(string parameter) => parameter.Split('.', 2)[0];

    private static IEnumerable<string> Items(IEnumerable<string?> lists) =>
        lists.SelectMany(list => (list ?? "").Split(','));
}
