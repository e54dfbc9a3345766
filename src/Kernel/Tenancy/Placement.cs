using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Kernel.Tenancy;

/// <summary>
/// A home of rows: a database and two schemas in it, the app's tables and the platform's own (<c>…_core</c>).
/// One unit holds every <c>shared</c> tenant of an app; a <c>schema</c> or <c>database</c> tenant has its own.
/// Its name is opaque: PostgreSQL shows names to every role.
/// </summary>
public sealed record Unit(string Name, IsolationKind Isolation, Guid Cell, string Database)
{
    public SqlName AppSchema { get; } = SqlName.Of(Name);

    public SqlName CoreSchema { get; } = SqlName.Of(Name + "_core");
}

/// <summary>Where a tenant lives. The epoch is raised by every move and every fence.</summary>
public sealed record Placement(TenantId Tenant, Unit Unit, int Epoch);
