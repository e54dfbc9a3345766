using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Bench.Http;

/// <summary>What is created, as a client sends it.</summary>
internal sealed record ContactDraft(
    string FirstName, string LastName, string City, string Gender, DateOnly Born, decimal Income, long Visits, bool Active, DateTime SeenAt,
    string Note);

/// <summary>A creation as one writes it without a platform: one insert; or, below <c>/entered</c>, with an entry in its batch.</summary>
internal static class BareCreation
{
    private const string Insert =
        """
        insert into public.visit (tenant_id, id, version, created_at, updated_at,
            first_name, last_name, city, gender, born, income, visits, active, seen_at, note)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        """;

    private const string Entry =
        """
        insert into public.audit_entry (tenant_id, id, at, actor, action, entity, result, body) values ($1, $2, $3, $4, $5, $6, $7, $8)
        """;

    public static async Task<Contact> CreateAsync(
        NpgsqlDataSource source, Guid tenant, ContactDraft draft, bool entered, CancellationToken cancellationToken)
    {
        var now = DateTime.UtcNow;
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMillisecond));
        var made = new Contact(
            Guid.CreateVersion7(), now, now, draft.FirstName, draft.LastName, draft.City, draft.Gender, draft.Born, draft.Income,
            draft.Visits, draft.Active, draft.SeenAt, draft.Note);
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        var insert = new NpgsqlBatchCommand(Insert);
        Add(insert, NpgsqlDbType.Uuid, tenant);
        Add(insert, NpgsqlDbType.Uuid, made.Id);
        Add(insert, NpgsqlDbType.Uuid, Guid.CreateVersion7());
        Add(insert, NpgsqlDbType.TimestampTz, made.CreatedAt);
        Add(insert, NpgsqlDbType.TimestampTz, made.UpdatedAt);
        Add(insert, NpgsqlDbType.Text, made.FirstName);
        Add(insert, NpgsqlDbType.Text, made.LastName);
        Add(insert, NpgsqlDbType.Text, made.City);
        Add(insert, NpgsqlDbType.Text, made.Gender);
        Add(insert, NpgsqlDbType.Date, made.Born);
        Add(insert, NpgsqlDbType.Numeric, made.Income);
        Add(insert, NpgsqlDbType.Bigint, made.Visits);
        Add(insert, NpgsqlDbType.Boolean, made.Active);
        Add(insert, NpgsqlDbType.TimestampTz, made.SeenAt);
        Add(insert, NpgsqlDbType.Text, made.Note);
        batch.BatchCommands.Add(insert);
        if (entered)
        {
            batch.BatchCommands.Add(EntryOf(tenant, made));
        }

        await batch.ExecuteNonQueryAsync(cancellationToken);
        return made;
    }

    private static NpgsqlBatchCommand EntryOf(Guid tenant, Contact made)
    {
        var id = Guid.CreateVersion7();
        var body = $$"""
            {"action":"data.create","actor":{"id":"bench-client","kind":"service","roles":["clerk"]},"app":"bench-audit-on@1",
            """ + $$"""
            "at":"{{made.CreatedAt:yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'}}","entity":"patient","fields":["active","born","city","firstName",
            """ + $$"""
            "gender","income","lastName","note","seenAt","visits"],"id":"{{id}}","records":{"ids":["{{made.Id}}"]},
            """ + $$"""
            "request":"{{Guid.CreateVersion7()}}","result":"ok","tenant":"{{tenant}}"}
            """;
        var entry = new NpgsqlBatchCommand(Entry);
        Add(entry, NpgsqlDbType.Uuid, tenant);
        Add(entry, NpgsqlDbType.Uuid, id);
        Add(entry, NpgsqlDbType.TimestampTz, made.CreatedAt);
        foreach (var text in (string[])["bench-client", "data.create", "patient", "ok", body])
        {
            Add(entry, NpgsqlDbType.Text, text);
        }

        return entry;
    }

    private static void Add<T>(NpgsqlBatchCommand command, NpgsqlDbType type, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });
}
