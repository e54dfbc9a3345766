using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Bulkhead.Kernel;

/// <summary>What a process of an installation does. All of them may run many times at once.</summary>
public enum ProcessRole
{
    /// <summary>Serves, and works in the background.</summary>
    All,

    /// <summary>Serves only: what it wrote is sealed, swept, streamed and rotated by a worker.</summary>
    Api,

    /// <summary>Works in the background only.</summary>
    Worker,
}

public static class ProcessRoles
{
    /// <summary>The word used in settings and on the command line.</summary>
    public static string Word(this ProcessRole role) => role switch
    {
        ProcessRole.All => "all",
        ProcessRole.Api => "api",
        ProcessRole.Worker => "worker",
        _ => throw new ArgumentOutOfRangeException(nameof(role)),
    };

    public static bool TryParse(string? word, out ProcessRole role)
    {
        (var known, role) = word switch
        {
            "all" => (true, ProcessRole.All),
            "api" => (true, ProcessRole.Api),
            "worker" => (true, ProcessRole.Worker),
            _ => (false, default),
        };
        return known;
    }

    /// <summary>
    /// Work on tenants that goes on by itself: begun where the role of the process is to do it, there for whoever asks for it in every role.
    /// </summary>
    public static IServiceCollection AddBackgroundWork<TWork>(this IServiceCollection services)
        where TWork : BackgroundService
    {
        services.AddSingleton<TWork>();
        var options = services.Select(s => s.ImplementationInstance).OfType<KernelOptions>().Single();
        return options.Role == ProcessRole.Api ? services : services.AddHostedService(provider => provider.GetRequiredService<TWork>());
    }
}
