using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The door to the control database, under the app's credential. Holds no personal data, and no tenant's rows.</summary>
public sealed class ControlDatabase
{
    private readonly ControlPool _pool;
    private readonly TimeProvider _time;

    internal ControlDatabase(ControlPool pool, TimeProvider time)
    {
        _pool = pool;
        _time = time;
    }

    /// <summary>Runs a query on schema <c>control</c> and hands over its rows.</summary>
    public async Task ReadAsync(Sql query, RowSink sink, CancellationToken cancellationToken)
    {
        await using var connection = await _pool.Source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(ControlSql.Command(query));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            sink(new Row(reader));
        }
    }

    /// <summary>A read whose entry goes to the installation's log when a row was found (an operator's token).</summary>
    /// <returns>The number of rows.</returns>
    public async Task<int> ReadAsync(
        Actor actor, string requestId, Sql query, AuditEvent audit, RowSink sink, CancellationToken cancellationToken)
    {
        var entry = ControlSql.Entry(actor, requestId, audit, _time.GetUtcNow());
        var recorded = Sql.Of($"""
            with act as materialized ({query}), entry as ({entry} where exists (select 1 from act))
            select * from act
            """);
        var rows = 0;
        await ReadAsync(
            recorded,
            row =>
            {
                rows++;
                sink(row);
            },
            cancellationToken);
        return rows;
    }

    /// <summary>Appends to the installation's log (a denial of an operator).</summary>
    public async Task RecordAsync(Actor actor, string requestId, AuditEvent audit, CancellationToken cancellationToken)
    {
        await using var connection = await _pool.Source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(ControlSql.Command(ControlSql.Entry(actor, requestId, audit, _time.GetUtcNow())));
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>True when the control database answers.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(Sql.Of($"select generation from control.installation"), _ => { }, cancellationToken);
            return true;
        }
        catch (Exception fault) when (fault is NpgsqlException or IOException or System.Net.Sockets.SocketException)
        {
            return false;
        }
    }

    /// <summary>Version of the server that holds the catalogue, as <c>15.18</c>.</summary>
    public async Task<string> ServerVersionAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _pool.Source.OpenConnectionAsync(cancellationToken);
        return connection.PostgreSqlVersion.ToString();
    }
}

/// <summary>Statements on the control database, where there is neither unit nor tenant.</summary>
internal static class ControlSql
{
    private static readonly Unit Nowhere = new("control", IsolationKind.Shared, Guid.Empty, "");

    public static NpgsqlBatchCommand Command(Sql sql)
    {
        var text = sql.Render(Nowhere, SqlShape.Plain);
        var command = new NpgsqlBatchCommand(text.Text);
        foreach (var binding in text.Bindings)
        {
            command.Parameters.Add(binding.Kind == SqlBindingKind.Value
                ? binding.Value.ToParameter()
                : throw new InvalidOperationException("The control database knows no tenant and no slots."));
        }

        return command;
    }

    /// <summary>An INSERT … SELECT to which a condition may be added.</summary>
    public static Sql Entry(Actor actor, string requestId, AuditEvent audit, DateTimeOffset now)
    {
        var entry = AuditEntry.Of(actor, requestId, audit, now);
        return Sql.Of($"""
            insert into control.audit_entry (id, at, actor, action, result, body)
            select {SqlValue.Uuid(entry.Id)}, {SqlValue.Timestamp(entry.At)}, {SqlValue.Text(entry.Actor)},
                   {SqlValue.Text(audit.Action)}, {SqlValue.Text(entry.Result)}, {SqlValue.Text(entry.Head + entry.Tail)}
            """);
    }
}
