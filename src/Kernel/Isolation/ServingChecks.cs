using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The program does not serve on a database on which the walls would not hold. Each fault names the next step.</summary>
public sealed class UnsafeDatabase(IReadOnlyList<string> faults)
    : Exception("Refusing to serve: " + string.Join(" | ", faults))
{
    public IReadOnlyList<string> Faults { get; } = faults;
}

internal static class ServingChecks
{
    /// <summary>
    /// The first minor of each supported major without a known hole in row-level security (CVE-2023-2455, CVE-2024-10976, CVE-2025-8713).
    /// </summary>
    private static readonly (int Major, int Minor)[] FirstSafeMinor = [(15, 14), (16, 10), (17, 6), (18, 0)];

    /// <summary>Run on every new backend: the right database, a role that row-level security binds, a server without known holes.</summary>
    public static async ValueTask NewBackendAsync(NpgsqlConnection connection, string database, string role)
    {
        await using var command = new NpgsqlCommand(
            """
            select (select m.database from guard.marker m), session_user::text, r.rolsuper, r.rolbypassrls,
                   r.rolcreaterole, r.rolcreatedb, r.rolreplication
            from pg_catalog.pg_roles r where r.rolname = session_user
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        var faults = new List<string>();
        if (!await reader.ReadAsync())
        {
            throw new UnsafeDatabase(["the role of this connection is not visible to itself"]);
        }

        if (await reader.IsDBNullAsync(0) || reader.GetString(0) != database)
        {
            faults.Add("the database is not the one that the catalogue names: its marker differs. Next step: check where the connection leads");
        }

        RoleFaults(faults, reader, role);
        VersionFault(faults, connection.PostgreSqlVersion);
        if (faults.Count > 0)
        {
            throw new UnsafeDatabase(faults);
        }
    }

    /// <summary>The app's credential itself, on the control database.</summary>
    public static async Task AppCredentialAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        await using (var command = new NpgsqlCommand(
            """
            select null::text, session_user::text, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
                   exists (select 1 from pg_catalog.pg_namespace n where n.nspname = 'control' and n.nspowner = r.oid)
            from pg_catalog.pg_roles r where r.rolname = session_user
            """,
            connection))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            RoleFaults(faults, reader, reader.GetString(1));
            if (reader.GetBoolean(7))
            {
                faults.Add($"role {reader.GetString(1)} owns the schema control. Next step: let BULKHEAD_DEPLOY_DATABASE create it");
            }
        }

        await using (var changed = new NpgsqlCommand(
            """
            select r.rolname from pg_catalog.pg_db_role_setting s
            join pg_catalog.pg_roles r on r.oid = s.setrole
            join control.login l on l.role = r.rolname
            """,
            connection))
        await using (var reader = await changed.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                faults.Add($"defaults of role {reader.GetString(0)} were changed, by whoever ran SQL under it. "
                    + $"Next step: find out who, then alter role {reader.GetString(0)} reset all");
            }
        }

        VersionFault(faults, connection.PostgreSqlVersion);
        if (faults.Count > 0)
        {
            throw new UnsafeDatabase(faults);
        }
    }

    /// <summary>The driver sends one statement per text: otherwise injected text could replace what the next tenant's call runs.</summary>
    public static async Task OneStatementAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var two = new NpgsqlCommand("select 1; select 2", connection);
            await two.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.SyntaxError)
        {
            return;
        }

        throw new UnsafeDatabase(["the driver splits texts into several statements. Next step: set the switch Npgsql.EnableSqlRewriting to false"]);
    }

    /// <summary>Every table of every unit of this database has row-level security, forced, and is not owned by the role that serves.</summary>
    public static async Task TablesAsync(NpgsqlConnection connection, IReadOnlyCollection<string> schemas, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select n.nspname, c.relname, c.relrowsecurity and c.relforcerowsecurity,
                   pg_catalog.pg_get_userbyid(c.relowner)::text = session_user,
                   c.relkind::text
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. schemas] });
        var faults = new List<string>();
        await PoliciesAsync(connection, schemas, faults, cancellationToken);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var name = $"{reader.GetString(0)}.{reader.GetString(1)}";
            if (reader.GetString(4) is not ("r" or "p"))
            {
                faults.Add($"{name} is a view or a foreign table, which row-level security does not bind. Next step: drop it");
            }
            else if (!reader.GetBoolean(2))
            {
                faults.Add($"table {name} is without forced row-level security. Next step: alter table {name} enable row level security, force row level security");
            }

            if (reader.GetBoolean(3))
            {
                faults.Add($"table {name} is owned by the role that serves. Next step: alter table {name} owner to the deployer");
            }
        }

        if (faults.Count > 0)
        {
            throw new UnsafeDatabase(faults);
        }
    }

    /// <summary>
    /// One policy per table, ours: a second one would add what it allows to what ours does. And no function that acts with its owner's rights.
    /// </summary>
    private static async Task PoliciesAsync(
        NpgsqlConnection connection, IReadOnlyCollection<string> schemas, List<string> faults, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select n.nspname || '.' || c.relname, 'policies differ from the one that the kernel made'
            from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
            where (n.nspname = any($1) or n.nspname = 'guard' and c.relname = 'capability') and c.relkind in ('r', 'p')
              and coalesce((
                select count(*) <> 1 or bool_or(not p.polpermissive or p.polroles <> '{0}'
                    or p.polname <> case n.nspname when 'guard' then 'presented' else 'tenant' end
                    or pg_catalog.pg_get_expr(p.polqual, p.polrelid) not like case
                        when n.nspname = 'guard' then '%sha256(uuid_send(%bulkhead.capability%'
                        when n.nspname like '%\_core' then '%guard.capability%guard.refuse()%'
                        else '%guard.capability%data_open%guard.refuse_data()%' end)
                from pg_catalog.pg_policy p
                where p.polrelid = c.oid and not (n.nspname = 'guard' and p.polroles = array[c.relowner])), true)
            union all
            select n.nspname || '.' || p.proname, 'is a SECURITY DEFINER function, which acts with its owner''s rights'
            from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
            where p.prosecdef and n.nspname not in ('pg_catalog', 'information_schema')
            union all
            select 'guard.capability', 'is without forced row-level security'
            where not exists (select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'guard' and c.relname = 'capability' and c.relrowsecurity and c.relforcerowsecurity)
            """,
            connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. schemas] });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            faults.Add($"{reader.GetString(0)}: {reader.GetString(1)}. Next step: find out who changed it, and drop the change");
        }
    }

    private static void RoleFaults(List<string> faults, NpgsqlDataReader reader, string role)
    {
        if (reader.GetString(1) != role)
        {
            faults.Add($"connected as {reader.GetString(1)} and not as {role}");
        }

        (string Attribute, int Column)[] dangerous =
            [("SUPERUSER", 2), ("BYPASSRLS", 3), ("CREATEROLE", 4), ("CREATEDB", 5), ("REPLICATION", 6)];
        foreach (var (attribute, column) in dangerous)
        {
            if (reader.GetBoolean(column))
            {
                faults.Add($"role {role} is {attribute}. Next step: alter role {role} no{attribute.ToLowerInvariant()}");
            }
        }
    }

    private static void VersionFault(List<string> faults, Version version)
    {
        var major = Array.Find(FirstSafeMinor, m => m.Major == version.Major);
        if (version.Major < FirstSafeMinor[0].Major)
        {
            faults.Add($"PostgreSQL {version.Major} is too old. Next step: install 15 or newer");
        }
        else if (major != default && version.Minor < major.Minor)
        {
            faults.Add($"PostgreSQL {version.Major}.{version.Minor} has a known hole in row-level security. "
                + $"Next step: update to {major.Major}.{major.Minor} or newer");
        }
    }
}
