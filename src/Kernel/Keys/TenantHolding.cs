using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Keys;

/// <param name="Id">SHA-256 of the key, as the service's own log names it.</param>
/// <param name="IsUsed">A key of the tenant hangs on it: its private half must not be destroyed.</param>
public sealed record HeldRootState(int Root, string Id, string PublicKey, bool IsUsed);

/// <summary>A tenant's registration, without what is secret in it.</summary>
public sealed record HoldingState(
    string Url,
    string ServerCa,
    ImmutableArray<HeldRootState> Roots,
    string ClientCertificate,
    DateTimeOffset ClientCertificateEnds,
    DateTimeOffset RegisteredAt);

/// <summary>The registration has faults, all of them here. Nothing was changed and the service was not asked.</summary>
public sealed class RegistrationRefused(ImmutableArray<RegistrationFault> faults) : Exception("The registration has faults.")
{
    public ImmutableArray<RegistrationFault> Faults { get; } = faults;
}

/// <summary>
/// A tenant takes its keys into its own hands, and gives them back. Each way the tenant key of the rows is replaced by a fresh one, in
/// one transaction with the deletion of what the last holder had wrapped; the index key goes as it is, and may be rotated afterwards.
/// Every act has its entry in the tenant's log before it, and in the installation's with it.
/// </summary>
public sealed class TenantHolding
{
    private readonly KeyCustody _custody;
    private readonly RootStores _stores;
    private readonly HeldKeyStores _held;
    private readonly Sealing _sealing;
    private readonly KeyRing _ring;
    private readonly KernelOptions _options;
    private readonly TimeProvider _time;

    internal TenantHolding(
        KeyCustody custody,
        RootStores stores,
        HeldKeyStores held,
        Sealing sealing,
        KeyRing ring,
        KernelOptions options,
        TimeProvider time)
    {
        _custody = custody;
        _stores = stores;
        _held = held;
        _sealing = sealing;
        _ring = ring;
        _options = options;
        _time = time;
    }

    /// <summary>Null where the tenant's keys are with us.</summary>
    public async Task<HoldingState?> ShowAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var control = await _custody.OpenAsync(cancellationToken);
        if (await SealedRegistration.ReadAsync(control, tenant, cancellationToken) is not { } registration)
        {
            return null;
        }

        var used = await RootsInUseAsync(control, tenant, cancellationToken);
        using var certificate = X509Certificate2.CreateFromPem(registration.ClientCertificate);
        return new(
            registration.Url,
            registration.ServerCa,
            [
                .. registration.Keys.Select(k => new HeldRootState(
                    k.Root, RecipientKey.TryRead(k.PublicKey, out _)?.Id ?? "", k.PublicKey, used.Contains(k.Root))),
            ],
            registration.ClientCertificate,
            certificate.NotAfter.ToUniversalTime(),
            registration.CreatedAt);
    }

    /// <summary>
    /// Takes a registration, the first or another. The keys go to its highest root, unless they are there; what older roots wrapped is
    /// deleted. When this fails, everything is as it was.
    /// </summary>
    /// <exception cref="RegistrationRefused">It has faults.</exception>
    /// <exception cref="KeyStoreFault">The service does not do what it must; the message says what.</exception>
    /// <exception cref="TenantFault">The keys are withdrawn, destroyed or out of reach where they are.</exception>
    public async Task RegisterAsync(
        RequestContext context, TenantHeldKeyRegistration registration, CancellationToken cancellationToken)
    {
        _ring.RequireOpen(context.Tenant);
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        var current = await SealedRegistration.ReadAsync(control, context.Tenant, cancellationToken);
        ImmutableArray<RegistrationFault> faults = [.. registration.Validate(), .. Reused(registration, current)];
        if (faults.Length > 0)
        {
            throw new RegistrationRefused(faults);
        }

        var detail = ("service", registration.Url);
        await _custody.RecordAsync(context, "keys.service.register", detail, cancellationToken);
        var next = SealedRegistration.Seal(_sealing, registration, _time.GetUtcNow());
        using var service = new TenantHeldKeys(registration, _held.Options, _time);
        await service.CheckAsync(next.Root, cancellationToken);

        var roots = await RootsInUseAsync(control, context.Tenant, cancellationToken);
        var opener = roots.IsSubsetOf(next.Keys.Select(k => k.Root)) ? service : Of(context.Tenant, current);
        using var keys = roots.SetEquals([next.Root]) ? null : await OpenAsync(control, context.Tenant, opener, cancellationToken);
        using var move = keys is null
            ? null
            : await TenantKeyMove.PrepareAsync(context.Tenant, keys, new(service, next.Root, IsTenant: true), null, cancellationToken);

        await using (var transaction = await control.BeginTransactionAsync(cancellationToken))
        {
            await next.PutAsync(control, context.Tenant, cancellationToken);
            await WriteAsync(control, move, cancellationToken);
            await next.PruneAsync(control, context.Tenant, cancellationToken);
            await _custody.LogAsync(control, context, "keys.service.register", detail, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await _custody.RefreshAsync(cancellationToken);
        _ring.Sweep();
    }

    /// <summary>Brings the keys home under our root; the service must open them for that. Harmless when they are here.</summary>
    /// <exception cref="TenantFault">The keys are withdrawn, destroyed or out of reach.</exception>
    public async Task GiveBackAsync(RequestContext context, CancellationToken cancellationToken)
    {
        _ring.RequireOpen(context.Tenant);
        await using var control = await _custody.LockAsync(context.Tenant, cancellationToken);
        if (await SealedRegistration.ReadAsync(control, context.Tenant, cancellationToken) is not { } current)
        {
            return;
        }

        var detail = ("service", current.Url);
        await _custody.RecordAsync(context, "keys.service.remove", detail, cancellationToken);
        // The root that is now the current one must not be retired before the keys hang on it.
        await control.RunAsync("select pg_advisory_lock_shared(hashtextextended('bulkhead roots', 2))", cancellationToken);
        try
        {
            using var keys = await OpenAsync(control, context.Tenant, Of(context.Tenant, current), cancellationToken);
            var home = await KeyHolder.PlatformAsync(control, _stores, cancellationToken);
            using var move = await TenantKeyMove.PrepareAsync(context.Tenant, keys, home, null, cancellationToken);
            await using var transaction = await control.BeginTransactionAsync(cancellationToken);
            await WriteAsync(control, move, cancellationToken);
            await SealedRegistration.DeleteAsync(control, context.Tenant, cancellationToken);
            await _custody.LogAsync(control, context, "keys.service.remove", detail, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }

        await _custody.RefreshAsync(cancellationToken);
        _ring.Sweep();
    }

    /// <summary>The number of a root names one key for good: what hangs on it would otherwise be looked for under another.</summary>
    private static IEnumerable<RegistrationFault> Reused(TenantHeldKeyRegistration next, SealedRegistration? current)
    {
        if (current is null || next.Keys.IsDefaultOrEmpty)
        {
            yield break;
        }

        var known = current.Keys.ToDictionary(k => k.Root, k => RecipientKey.TryRead(k.PublicKey, out _)?.Id);
        for (var i = 0; i < next.Keys.Length; i++)
        {
            if (known.TryGetValue(next.Keys[i].Root, out var id)
                && RecipientKey.TryRead(next.Keys[i].PublicKey, out _) is { } key
                && key.Id != id)
            {
                yield return new("Keys", $"Root {next.Keys[i].Root} has another key already: give this one a higher number") { Index = i };
            }
        }
    }

    private TenantHeldKeys? Of(TenantId tenant, SealedRegistration? registration) =>
        registration is null ? null : _held.Of(tenant, registration);

    private async Task<OpenTenantKeys> OpenAsync(
        NpgsqlConnection control, TenantId tenant, IKeyStore? service, CancellationToken cancellationToken)
    {
        try
        {
            return await OpenTenantKeys.ReadAsync(
                control, tenant, new TenantKeyUnwrapping(_stores, _held), service, only: null, cancellationToken);
        }
        catch (KeyStoreFault fault)
        {
            throw fault.AsTenantFault();
        }
    }

    private async Task WriteAsync(NpgsqlConnection control, TenantKeyMove? move, CancellationToken cancellationToken)
    {
        if (move is not null)
        {
            var now = _time.GetUtcNow();
            await move.WriteAsync(control, now, cancellationToken);
            await move.AddDataKeyAsync(control, now + _options.KeyAnnouncement, cancellationToken);
        }
    }

    private static async Task<HashSet<int>> RootsInUseAsync(
        NpgsqlConnection control, TenantId tenant, CancellationToken cancellationToken) =>
    [
        .. await control.ListAsync(
            "select distinct held_root from control.tenant_key where tenant_id = $1 and held_root is not null",
            r => r.GetInt32(0), cancellationToken, tenant.Value),
    ];
}
