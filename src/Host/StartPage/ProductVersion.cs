using System.Reflection;

namespace Bulkhead.Host.StartPage;

internal static class ProductVersion
{
    /// <summary>Without the commit that the build appends after a plus sign.</summary>
    public static string Text { get; } =
        (typeof(ProductVersion)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0")
            .Split('+')[0];
}
