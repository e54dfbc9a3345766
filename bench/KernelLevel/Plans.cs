using System.Text;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>
/// How PostgreSQL goes about a point read and a page of 25 under the policies: asked as the role that serves, with the
/// capability presented.
/// </summary>
internal static class Plans
{
    public static async Task<string> AskAsync(Installation installation, CancellationToken cancellationToken)
    {
        var text = new StringBuilder("## Plans").AppendLine().AppendLine();
        text.AppendLine("`EXPLAIN (ANALYZE, BUFFERS)` after VACUUM ANALYZE; the columns have no statistics.");
        foreach (var (isolation, tenants) in installation.Tenants.OrderBy(t => t.Key))
        {
            var tenant = tenants[0];
            var unit = tenant.Tenant.Placement.Unit;
            var table = $"{unit.AppSchema.Quoted}.{Visit.Table.Quoted}";
            var middle = tenant.Ids.Order().ElementAt(tenant.Ids.Length / 2);
            var capability = installation.Catalogue.Capabilities[tenant.Tenant.Id].ToString();
            (string What, string Sql)[] questions =
            [
                ("point read", $"select {Visit.Selected} from {table} where id = '{middle}'"),
                ("page of 25", $"select {Visit.Selected} from {table} order by id limit 26"),
                ("next page of 25", $"select {Visit.Selected} from {table} where id > '{middle}' order by id limit 26"),
            ];
            foreach (var (what, sql) in questions)
            {
                await using var lease = await installation.Pools.OpenAsync(unit, cancellationToken);
                await using var batch = new NpgsqlBatch(lease.Connection);
                batch.BatchCommands.Add(new("select set_config('bulkhead.capability', $1, true)")
                {
                    Parameters = { new NpgsqlParameter<string> { TypedValue = capability } },
                });
                batch.BatchCommands.Add(new($"explain (analyze, costs off, timing off, summary off, buffers) {sql}"));
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                await reader.NextResultAsync(cancellationToken);
                text.AppendLine().AppendLine($"{isolation.Word()}, {what}:").AppendLine("```");
                while (await reader.ReadAsync(cancellationToken))
                {
                    text.AppendLine(reader.GetString(0).Replace(unit.AppSchema.Value, "unit", StringComparison.Ordinal));
                }

                text.AppendLine("```");
            }
        }

        return text.ToString().TrimEnd();
    }
}
