using Bulkhead.Kernel.Isolation;
using Npgsql;

namespace Bulkhead.Tests.System.Infrastructure;

/// <summary>
/// A session with the very login role of the attacker's pool and the pool's own settings, the attacker's real capability presented, and any
/// SQL at hand: what an injection would have. In SQL, {A} and {B} are the app schemas of attacker and victim, {Ac} and {Bc} the platform's,
/// {a} and {b} their ids.
/// </summary>
public sealed class HostileSession : IAsyncDisposable
{
    private readonly NpgsqlConnection _connection;
    private readonly Pair _pair;

    private HostileSession(NpgsqlConnection connection, Pair pair)
    {
        _connection = connection;
        _pair = pair;
    }

    public NpgsqlConnection Connection => _connection;

    public static async Task<HostileSession> OpenAsync(Pair pair, bool present = true)
    {
        var connection = await ConnectAsync(Login(pair.Attacker));
        var session = new HostileSession(connection, pair);
        if (present)
        {
            await session.RunAsync($"select set_config('bulkhead.capability', '{pair.Attacker.Token}', false)");
        }

        return session;
    }

    /// <summary>The login of a tenant's pool; to another database, where one is named.</summary>
    public static NpgsqlConnectionStringBuilder Login(Tenant tenant, string? database = null)
    {
        var settings = ConnectionSettings.ForPool(tenant.Installation.Options, 1);
        settings.Pooling = false;
        settings.MaxAutoPrepare = 0;
        settings.Database = database ?? tenant.Unit.Database;
        settings.Username = tenant.Installation.Catalogue.Current.Logins[tenant.Unit.Database].Role;
        settings.Password = tenant.Installation.PasswordOf(tenant.Unit.Database);
        settings.IncludeErrorDetail = true;
        return settings;
    }

    public static async Task<NpgsqlConnection> ConnectAsync(NpgsqlConnectionStringBuilder login)
    {
        await using var source = ConnectionSettings.Source(login).Build();
        return await source.OpenConnectionAsync();
    }

    /// <summary>Everything the statement answers, as text.</summary>
    public async Task<List<string>> RunAsync(string sql)
    {
        await using var command = new NpgsqlCommand(Fill(sql), _connection) { AllResultTypesAreUnknown = true };
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        do
        {
            while (await reader.ReadAsync())
            {
                rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount)
                    .Select(i => reader.IsDBNull(i) ? "null" : reader.GetString(i))));
            }
        }
        while (await reader.NextResultAsync());
        return rows;
    }

    /// <summary>The refusal; the test fails when there is none.</summary>
    public async Task<PostgresException> RefusedAsync(string sql)
    {
        try
        {
            var rows = await RunAsync(sql);
            throw new Xunit.Sdk.XunitException($"Not refused: {Fill(sql)} answered {rows.Count} rows: {string.Join(" / ", rows.Take(5))}");
        }
        catch (PostgresException refused)
        {
            AssertTellsNothing(refused.ToString());
            return refused;
        }
    }

    public async Task RefusedAsync(string state, string sql)
    {
        var refused = await RefusedAsync(sql);
        Assert.True(refused.SqlState == state, $"{Fill(sql)}: {refused.SqlState} {refused.MessageText}, expected {state}");
    }

    /// <summary>Refused, or answered without a trace of the victim.</summary>
    public async Task<List<string>> ShowsNothingAsync(string sql)
    {
        try
        {
            var rows = await RunAsync(sql);
            AssertTellsNothing(string.Join('\n', rows));
            return rows;
        }
        catch (PostgresException refused)
        {
            AssertTellsNothing(refused.ToString());
            return [];
        }
    }

    public string Fill(string sql) => sql
        .Replace("{A}", _pair.Attacker.Unit.Name, StringComparison.Ordinal)
        .Replace("{B}", _pair.Victim.Unit.Name, StringComparison.Ordinal)
        .Replace("{Ac}", _pair.Attacker.Unit.Name + "_core", StringComparison.Ordinal)
        .Replace("{Bc}", _pair.Victim.Unit.Name + "_core", StringComparison.Ordinal)
        .Replace("{a}", _pair.Attacker.Id.ToString(), StringComparison.Ordinal)
        .Replace("{b}", _pair.Victim.Id.ToString(), StringComparison.Ordinal);

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    private void AssertTellsNothing(string text) => Assert.DoesNotContain(_pair.Victim.Mark, text, StringComparison.Ordinal);
}
