using System.Globalization;

namespace Bulkhead.Host.Local;

/// <summary>From nothing, or from whatever an ended program left, to a private PostgreSQL that takes connections.</summary>
internal static class PrivatePostgres
{
    private const string App = "bulkhead_app";
    private const string ControlDatabase = "bulkhead";

    public static async Task<(PostgresCluster Cluster, PostgresHome Home, LocalSecrets Secrets)> StartAsync(
        DataFolder folder, IProgress<string> progress, CancellationToken cancellationToken)
    {
        var home = await PostgresHome.FindOrCreateAsync(folder, progress, cancellationToken);
        var secrets = LocalSecrets.LoadOrCreate(folder, home.HasDatabase);
        var binaries = await PostgresBinaries.FindAsync(home.Major, cancellationToken);
        var cluster = new PostgresCluster(home, binaries);
        if (!home.HasDatabase)
        {
            progress.Report($"making the database with PostgreSQL {binaries.Version}");
            await cluster.CreateAsync(secrets.DeployerPassword, cancellationToken);
        }

        try
        {
            if (await cluster.StartAsync(cancellationToken))
            {
                progress.Report("took over the PostgreSQL that an ended program left running");
            }
        }
        catch
        {
            await cluster.StopAsync(CancellationToken.None);
            throw;
        }

        return (cluster, home, secrets);
    }

    // The socket's folder and the passwords hold letters, digits and -_/. only: nothing to quote.
    public static ExternalDatabase Connections(PostgresHome home, LocalSecrets secrets)
    {
        var server = string.Create(CultureInfo.InvariantCulture, $"Host={home.SocketFolder};Port={PostgresCluster.Port}");
        return new ExternalDatabase(
            $"{server};Database={ControlDatabase};Username={App};Password={secrets.AppPassword}",
            $"{server};Database=postgres;Username={PostgresCluster.Deployer};Password={secrets.DeployerPassword}");
    }
}
