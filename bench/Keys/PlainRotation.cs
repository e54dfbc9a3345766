using System.Security.Cryptography;
using Bulkhead.Bench.Servers;
using Bulkhead.Kernel.Isolation;
using Npgsql;

namespace Bulkhead.Bench.Keys;

/// <summary>
/// As many changes of rows of the same width, in transactions of the same size: what is left of a rotation when there is no cipher, no
/// key store, nothing read and no generation raised.
/// </summary>
internal sealed class PlainRotation : IAsyncDisposable
{
    private const string Database = "plain_rotation";
    private const int Batch = 200;
    private const string Put =
        "update public.tenant_key set root = root + 1, wrapped = $3 where tenant_id = $1 and purpose = $2 and version = 1";
    private const string PutData =
        "update public.data_key set tenant_key_version = tenant_key_version + 1, wrapped = $2 where tenant_id = $1 and epoch = 1";

    private readonly NpgsqlConnection _connection;
    private readonly Guid[] _tenants;
    private readonly byte[] _wrapped = RandomNumberGenerator.GetBytes(77);

    private PlainRotation(NpgsqlConnection connection, Guid[] tenants)
    {
        _connection = connection;
        _tenants = tenants;
    }

    public static async Task<PlainRotation> CreateAsync(PrivatePostgres postgres, int tenants, CancellationToken cancellationToken)
    {
        await using (var server = await postgres.OpenAsync("postgres", cancellationToken))
        {
            await Statements.RunAsync(server, $"create database {Database}", cancellationToken);
        }

        var made = new PlainRotation(
            await postgres.OpenAsync(Database, cancellationToken), [.. Enumerable.Range(0, tenants).Select(_ => Guid.CreateVersion7())]);
        await made.FillAsync(cancellationToken);
        return made;
    }

    /// <summary>Two keys of each tenant.</summary>
    public async Task RewrapAsync(CancellationToken cancellationToken)
    {
        foreach (var batch in _tenants.SelectMany(t => new[] { (t, "data"), (t, "index") }).Chunk(Batch))
        {
            await using var transaction = await _connection.BeginTransactionAsync(cancellationToken);
            foreach (var (tenant, purpose) in batch)
            {
                await _connection.RunAsync(Put, cancellationToken, tenant, purpose, _wrapped);
            }

            await transaction.CommitAsync(cancellationToken);
        }
    }

    /// <summary>A transaction for each tenant, with three changes: the new key, the data key, the old key.</summary>
    public async Task ReplaceAsync(CancellationToken cancellationToken)
    {
        foreach (var tenant in _tenants)
        {
            await using var transaction = await _connection.BeginTransactionAsync(cancellationToken);
            await _connection.RunAsync(Put, cancellationToken, tenant, "data", _wrapped);
            await _connection.RunAsync(PutData, cancellationToken, tenant, _wrapped);
            await _connection.RunAsync(Put, cancellationToken, tenant, "index", _wrapped);
            await transaction.CommitAsync(cancellationToken);
        }
    }

    public async Task VacuumAsync(CancellationToken cancellationToken)
    {
        foreach (var table in new[] { "tenant_key", "data_key" })
        {
            await Statements.RunAsync(_connection, $"vacuum analyze public.{table}", cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        await Statements.RunAsync(
            _connection,
            """
            create table public.tenant_key (
                tenant_id uuid not null, purpose text not null, version int not null, root int not null, wrapped bytea not null,
                commitment bytea not null, created_at timestamptz not null default now(), active_at timestamptz not null default now(),
                primary key (tenant_id, purpose, version))
            """,
            cancellationToken);
        await Statements.RunAsync(
            _connection,
            """
            create table public.data_key (
                tenant_id uuid not null, epoch int not null, tenant_key_version int not null, wrapped bytea not null,
                commitment bytea not null, created_at timestamptz not null default now(), active_at timestamptz not null default now(),
                primary key (tenant_id, epoch))
            """,
            cancellationToken);
        await _connection.RunAsync(
            """
            insert into public.tenant_key (tenant_id, purpose, version, root, wrapped, commitment)
            select t, p, 1, 1, $2, substr($2, 1, 32) from unnest($1::uuid[]) t, unnest(array['data', 'index']) p
            """,
            cancellationToken,
            _tenants,
            _wrapped);
        await _connection.RunAsync(
            """
            insert into public.data_key (tenant_id, epoch, tenant_key_version, wrapped, commitment)
            select t, 1, 1, $2, substr($2, 1, 32) from unnest($1::uuid[]) t
            """,
            cancellationToken,
            _tenants,
            _wrapped);
        await VacuumAsync(cancellationToken);
    }
}
