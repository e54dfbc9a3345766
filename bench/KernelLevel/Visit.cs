using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Bench.KernelLevel;

/// <summary>
/// The table that everything is measured on: 15 columns with the kernel's own, as an ordinary record of an app has.
/// </summary>
internal static class Visit
{
    public static readonly SqlName Table = SqlName.Of("visit");

    public static readonly ImmutableArray<ColumnDefinition> Columns =
    [
        new(SqlName.Of("first_name"), ColumnType.Text, true),
        new(SqlName.Of("last_name"), ColumnType.Text, true),
        new(SqlName.Of("city"), ColumnType.Text, false),
        new(SqlName.Of("gender"), ColumnType.Text, false),
        new(SqlName.Of("born"), ColumnType.Date, false),
        new(SqlName.Of("income"), ColumnType.Decimal, false),
        new(SqlName.Of("visits"), ColumnType.Integer, false),
        new(SqlName.Of("active"), ColumnType.Boolean, false),
        new(SqlName.Of("seen_at"), ColumnType.Timestamp, false),
        new(SqlName.Of("note"), ColumnType.Text, false),
    ];

    /// <summary>Names of all columns but the tenant's, in order.</summary>
    public const string Selected =
        "id, version, created_at, updated_at, first_name, last_name, city, gender, born, income, visits, active, seen_at, note";

    /// <summary>The same table without any protection.</summary>
    public const string PlainTable =
        """
        create table public.visit (
            tenant_id uuid not null, id uuid not null, version uuid not null,
            created_at timestamptz not null, updated_at timestamptz not null,
            first_name text not null, last_name text not null, city text, gender text, born date, income numeric, visits bigint,
            active boolean, seen_at timestamptz, note text,
            primary key (tenant_id, id))
        """;

    /// <summary>
    /// The same for the same tenant, wherever: rows numbered 1 to <c>$1</c> of the tenants <c>$2</c>, with ids in the
    /// order of their making, as UUIDv7 gives them.
    /// </summary>
    public const string Rows =
        """
        select t, ('0190' || lpad(to_hex(n), 8, '0') || '7' || substr(md5(t::text || n), 1, 3)
                || '8' || substr(md5(n || t::text), 1, 15))::uuid,
            md5('version' || t::text || n)::uuid, timestamptz '2026-01-02 03:04:05.678901Z' + n * interval '1 s',
            timestamptz '2026-02-02 03:04:05.6789Z' + n * interval '1 s',
            'First' || n % 300, 'Last' || n % 1000, 'City' || n % 50, case n % 2 when 0 then 'F' else 'M' end,
            date '1940-01-01' + n % 25000, n % 90000 + 0.25, n % 40, n % 3 > 0,
            timestamptz '2025-05-06 07:08:09Z' + n * interval '1 min', repeat('note ', 10)
        from unnest($2::uuid[]) t, generate_series(1, $1) n
        """;

    /// <summary>Reads every column as an answer would need it.</summary>
    public static void Take(Row row)
    {
        var sum = row.Uuid(0).GetHashCode() + row.Uuid(1).GetHashCode() + row.Timestamp(2).Ticks + row.Timestamp(3).Ticks
            + row.Text(4).Length + row.Text(5).Length + row.Text(6).Length + row.Text(7).Length + row.Date(8).DayNumber
            + (long)row.Decimal(9) + row.Integer(10) + (row.Boolean(11) ? 1 : 0) + row.Timestamp(12).Ticks + row.Text(13).Length;
        if (sum == long.MinValue)
        {
            throw new InvalidOperationException("Never; but the sum is used.");
        }
    }

    /// <summary>Values of a new row, in the order of <see cref="Selected"/>.</summary>
    public static SqlValue[] Values(Guid id)
    {
        var now = DateTimeOffset.UtcNow;
        return
        [
            SqlValue.Uuid(id), SqlValue.Uuid(Guid.CreateVersion7()), SqlValue.Timestamp(now), SqlValue.Timestamp(now),
            SqlValue.Text("First7"), SqlValue.Text("Last7"), SqlValue.Text("City7"), SqlValue.Text("F"),
            SqlValue.Date(new DateOnly(1980, 2, 3)), SqlValue.Decimal(1234.25m), SqlValue.Integer(7), SqlValue.Boolean(true),
            SqlValue.Timestamp(now), SqlValue.Text("note note note note note note note note note note "),
        ];
    }
}
