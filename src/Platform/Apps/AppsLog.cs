using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Apps;

internal static partial class AppsLog
{
    [LoggerMessage(
        2001,
        LogLevel.Error,
        "Version {Version} of app {App} does not compile here: {Faults} faults, first {Code}. Its tenants are not served.")]
    public static partial void ReleaseDoesNotCompile(
        this ILogger logger, string app, int version, int faults, string code);

    [LoggerMessage(2002, LogLevel.Information, "Deploying {App} version {Version}: {Progress}")]
    public static partial void Deploying(this ILogger logger, string app, int version, string progress);
}
