using System.Collections.Immutable;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;
using NpgsqlTypes;

namespace Bulkhead.Kernel.Isolation;

/// <summary>
/// Makes a tenant's home, keys and capability. The catalogue first says <c>preparing</c>, so that a crash leaves a tenant that
/// serves nothing and that the same call finishes.
/// </summary>
internal sealed class TenantOnboarding(
    KernelOptions options,
    DeployerConnections deployer,
    RootStores stores,
    Sealing sealing,
    Catalogue catalogue,
    TimeProvider time)
{
    public async Task RunAsync(
        Actor actor, string requestId, NewTenant tenant, ImmutableArray<SchemaChange> create, CancellationToken cancellationToken)
    {
        var names = new InstallationNames(new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead");
        await using var maintenance = await deployer.OpenAsync(deployer.Maintenance, cancellationToken);
        await maintenance.RunAsync("select pg_advisory_lock(hashtextextended('bulkhead units', 0))", cancellationToken);
        await using var control = await deployer.OpenAsync(names.Control.Value, cancellationToken);
        var version = await control.ScalarAsync<int?>(
            "select max(version) from control.app_release where app = $1 and deployed_at is not null", cancellationToken, tenant.App)
            ?? throw new InvalidOperationException($"The app {tenant.App} is not deployed.");

        var started = (await control.ListAsync(
            """
            select t.id, t.unit, u.isolation, t.app from control.tenant t join control.unit u on u.name = t.unit
            where t.slug = $1 and t.status = 'preparing'
            """,
            r => (Id: new TenantId(r.GetGuid(0)), Unit: r.GetString(1), Isolation: r.GetString(2), App: r.GetString(3)),
            cancellationToken,
            tenant.Slug)).FirstOrDefault();
        if (started.Unit is not null && (started.Isolation != tenant.Isolation.Word() || started.App != tenant.App))
        {
            throw new InvalidOperationException(
                $"The onboarding of {tenant.Slug} was begun as {started.Isolation} of {started.App}. Next step: repeat it with these.");
        }

        var id = started.Unit is null ? tenant.Id : started.Id;
        var unit = await new TenantHome(options, deployer, sealing).EnsureUnitAsync(
            maintenance, control, names, tenant.Isolation, tenant.App, started.Unit, cancellationToken);
        if (started.Unit is null)
        {
            await control.RunAsync(
                """
                insert into control.tenant (id, slug, name, status, unit, app, app_version) values ($1, $2, $3, 'preparing', $4, $5, $6)
                """,
                cancellationToken, id.Value, tenant.Slug, tenant.Name, unit.Name, tenant.App, version);
        }

        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.log_key where tenant_id = $1)", cancellationToken, id.Value))
        {
            await LogKeys.CreateAsync(control, sealing, id, cancellationToken);
        }

        var token = Capability.Create();
        await FurnishAsync(actor, requestId, tenant, id, unit, version, token, create, names, control, cancellationToken);
        await ActivateAsync(actor, requestId, tenant, id, unit, version, token, control, cancellationToken);
        await catalogue.RefreshAsync(cancellationToken);
    }

    /// <summary>All of it in one transaction of the tenant's database.</summary>
    private async Task FurnishAsync(
        Actor actor,
        string requestId,
        NewTenant tenant,
        TenantId id,
        Unit unit,
        int version,
        Guid token,
        ImmutableArray<SchemaChange> create,
        InstallationNames names,
        NpgsqlConnection control,
        CancellationToken cancellationToken)
    {
        await using var inside = await deployer.OpenAsync(unit.Database, cancellationToken);
        await using var transaction = await inside.BeginTransactionAsync(cancellationToken);
        if (!await inside.ScalarAsync<bool>("select exists (select 1 from guard.unit where name = $1)", cancellationToken, unit.Name))
        {
            var schema = new UnitSchema(inside, unit, unit.Isolation == IsolationKind.Shared ? null : id, names.Group);
            await schema.CreateAsync(names.Sealer, cancellationToken);
            await schema.ApplyAsync(create, version, cancellationToken);
            await inside.RunAsync(
                "insert into guard.unit (name, app_version, core_version) values ($1, $2, $3)",
                cancellationToken, unit.Name, version, Script.Of("tenant")[^1].Number);
        }

        await Capability.PutAsync(inside, id, 1, token, dataOpen: true, cancellationToken);
        await inside.RunAsync("select set_config('bulkhead.capability', $1, true)", cancellationToken, token.ToString());
        // Of a call that was killed: nobody was told their secrets.
        await inside.RunAsync(
            $"delete from {unit.CoreSchema.Quoted}.service_account where tenant_id = $1", cancellationToken, id.Value);
        foreach (var account in tenant.ServiceAccounts)
        {
            await inside.RunAsync(
                $"""
                insert into {unit.CoreSchema.Quoted}.service_account (tenant_id, client_id, secret_digest, roles, description)
                values ($1, $2, $3, $4, $5)
                """,
                cancellationToken, id.Value, account.ClientId, account.SecretDigest, account.Roles.ToArray(), account.Description);
        }

        var entry = AuditEntry.Of(
            new RequestContext(id, actor, requestId, $"{tenant.App}@{version}"),
            new AuditEvent("tenant.create")
            {
                Details = AuditDetails.Of(
                    ("accounts", string.Join(' ', tenant.ServiceAccounts.Select(a => a.ClientId))),
                    ("isolation", unit.Isolation.Word())),
            },
            time.GetUtcNow(),
            hasRecords: false);
        await using var append = new NpgsqlCommand(
            $"""
            insert into {unit.CoreSchema.Quoted}.audit_entry (tenant_id, id, at, actor, action, result, body, mac)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            inside);
        append.Parameters.Add(new() { Value = id.Value });
        append.Parameters.Add(new() { Value = entry.Id });
        append.Parameters.Add(new() { Value = entry.At, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        append.Parameters.Add(new() { Value = entry.Actor });
        append.Parameters.Add(new() { Value = entry.Event.Action });
        append.Parameters.Add(new() { Value = entry.Result });
        append.Parameters.Add(new() { Value = entry.Head + entry.Tail });
        append.Parameters.Add(new() { Value = await EntryMacs.OfFirstAsync(control, sealing, id, entry, cancellationToken) });
        await append.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private async Task ActivateAsync(
        Actor actor,
        string requestId,
        NewTenant tenant,
        TenantId id,
        Unit unit,
        int version,
        Guid token,
        NpgsqlConnection control,
        CancellationToken cancellationToken)
    {
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await control.RunAsync(
            """
            insert into control.capability (tenant_id, generation, token_sealed) values ($1, 1, $2)
            on conflict (tenant_id, generation) do update set token_sealed = excluded.token_sealed
            """,
            cancellationToken, id.Value, Capability.Seal(sealing, id, 1, token));
        if (!await control.ScalarAsync<bool>("select exists (select 1 from control.signing_key where tenant_id = $1)", cancellationToken, id.Value))
        {
            var key = TokenSigning.Create(sealing, id);
            await control.RunAsync(
                "insert into control.signing_key (tenant_id, kid, public_jwk, private_sealed) values ($1, $2, $3, $4)",
                cancellationToken, id.Value, key.Kid, key.PublicJwk, key.PrivateSealed);
        }

        await new TenantKeyMaking(stores, time).EnsureFirstAsync(control, id, cancellationToken);
        foreach (var host in tenant.Hosts)
        {
            await control.RunAsync(
                "insert into control.tenant_host (host, tenant_id) values ($1, $2) on conflict (host) do nothing",
                cancellationToken, host, id.Value);
        }

        await control.RunAsync(
            "update control.tenant set status = 'active', app_version = $2 where id = $1", cancellationToken, id.Value, version);
        await InstallationLog.AppendAsync(
            control,
            actor,
            requestId,
            new AuditEvent("tenant.create") { Details = AuditDetails.Of(("isolation", unit.Isolation.Word()), ("tenant", id.ToString())) },
            time.GetUtcNow(),
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }
}
