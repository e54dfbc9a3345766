namespace Bulkhead.Kernel.Tenancy;

/// <summary>Identity of a tenant: a UUID that never changes, whatever its slug, host name or placement.</summary>
public readonly record struct TenantId(Guid Value)
{
    public static TenantId New() => new(Guid.CreateVersion7());

    public override string ToString() => Value.ToString();
}
