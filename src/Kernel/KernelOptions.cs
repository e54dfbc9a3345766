using Bulkhead.Kernel.Keys.OwnKeyService;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Kernel;

/// <summary>Settings of the kernel. Every limit is finite; Validate lists all faults at once.</summary>
public sealed record KernelOptions
{
    /// <summary>What this process does of what an installation needs.</summary>
    public ProcessRole Role { get; init; }

    /// <summary>Connection string of the app's credential: host, port, database (the control database), user, password.</summary>
    public required string AppConnection { get; init; }

    /// <summary>Connection string of the deployer's credential; null on a process that only serves.</summary>
    public string? DeployConnection { get; init; }

    /// <summary>Folder of the file key store; created with mode 0700, its roots with 0600.</summary>
    public required string KeyDirectory { get; init; }

    /// <summary>File with the passphrase of the file key store's roots (a systemd credential); null keeps them as they stand.</summary>
    public string? KeyPassphraseFile { get; init; }

    /// <summary>The HSM that holds the roots; null keeps them in files.</summary>
    public Pkcs11Options? Hsm { get; init; }

    /// <summary>Unwrapped keys of a tenant are kept in memory this long at most; 1 s to 1 hour.</summary>
    public TimeSpan KeyCacheTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Requests that use unwrapped keys before they are unwrapped anew; 1 to 1,000,000,000.</summary>
    public long KeyCacheUses { get; init; } = 1_000_000;

    /// <summary>
    /// The same for a tenant that holds its key itself: within this it feels that its service refuses. 1 s to 1 hour.
    /// </summary>
    public TimeSpan HeldKeyCacheTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A whole unwrap at a tenant's own service, waiting for a turn included; 100 ms to 10 s.</summary>
    public TimeSpan HeldKeyTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Unwraps at one tenant's service at once, 1 to 64; 8 times as many wait.</summary>
    public int HeldKeyMaxCalls { get; init; } = 8;

    /// <summary>
    /// Whether a tenant's service may stand at a private or loopback address: such a tenant makes us reach into our own network.
    /// </summary>
    public bool HeldKeyAllowPrivateAddresses { get; init; }

    /// <summary>
    /// A new key is used only this long after it is in the catalogue, when every process knows it; more than CataloguePolling, 500 ms to 1 minute.
    /// </summary>
    public TimeSpan KeyAnnouncement { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>So long after a key became active nobody uses its forerunner: who has not read the catalogue for so long refuses to seal.</summary>
    internal TimeSpan KeySettling => KeyAnnouncement + CatalogueStale + StatementTimeout;

    /// <summary>How often the schedule of the keys is looked at; 100 ms to 1 hour.</summary>
    public TimeSpan KeyUpkeep { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A process that has not read the catalogue for this long neither seals nor opens: it might use keys of the past; 1 s to 1 hour.</summary>
    public TimeSpan CatalogueStale { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Answers of idempotent requests are kept this long; 1 hour to 30 days.</summary>
    public TimeSpan IdempotencyRetention { get; init; } = TimeSpan.FromHours(24);

    /// <summary>A root is replaced when it is this old; 1 hour to 1 year.</summary>
    public TimeSpan RootEpoch { get; init; } = TimeSpan.FromDays(30);

    /// <summary>A tenant key is replaced when it is this old, the keys of rows with it; 1 hour to 10 years.</summary>
    public TimeSpan TenantKeyAge { get; init; } = TimeSpan.FromDays(365);

    /// <summary>A data key seals new rows for this long; 1 hour to 10 years.</summary>
    public TimeSpan DataKeyAge { get; init; } = TimeSpan.FromDays(90);

    /// <summary>What is sealed or signed for the future is refused where it would not be safe from quantum computers.</summary>
    public bool RequirePostQuantum { get; init; }

    /// <summary>How long backups of the databases and of the key store are kept: a retired root is destroyed after it; 1 hour to 10 years.</summary>
    public TimeSpan BackupRetention { get; init; } = TimeSpan.FromDays(35);

    /// <summary>Client id of the operator's first account, created by the preparation; null for none.</summary>
    public string? OperatorClientId { get; init; }

    /// <summary>SHA-256 of its secret.</summary>
    public byte[]? OperatorSecretDigest { get; init; }

    /// <summary>Backends that this process opens at most, over all pools; 12 to 10,000.</summary>
    public int MaxBackends { get; init; } = 76;

    /// <summary>Backends for the shared and schema tenants together, 1 to 1,000.</summary>
    public int CellPoolSize { get; init; } = 24;

    /// <summary>Backends for the catalogue, 1 to 100.</summary>
    public int ControlPoolSize { get; init; } = 4;

    /// <summary>Backends for one database tenant, 1 to 100.</summary>
    public int DatabasePoolSize { get; init; } = 6;

    /// <summary>CONNECTION LIMIT of the cell's login role, for all processes together.</summary>
    public int CellConnectionLimit { get; init; } = 60;

    /// <summary>CONNECTION LIMIT of a database tenant's login role.</summary>
    public int DatabaseConnectionLimit { get; init; } = 12;

    /// <summary>A statement that runs longer is ended; 100 ms to 10 minutes.</summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Rows that are sealed anew in one transaction; 1 to 10,000.</summary>
    public int ResealBatch { get; init; } = 500;

    /// <summary>How often the sealer looks for new audit entries; 20 ms to 10 s.</summary>
    public TimeSpan AuditSealing { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Entries that are sealed in one transaction; 1 to 10,000.</summary>
    public int AuditSealingBatch { get; init; } = 1024;

    /// <summary>An entry that is not sealed for so long is an alert; 1 s to 1 hour. It cannot be switched off.</summary>
    public TimeSpan AuditSealingAlert { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often all sealed logs are walked from their beginning and compared with their checkpoints; 100 ms to 24 hours. It cannot be
    /// switched off.
    /// </summary>
    public TimeSpan AuditSweep { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Positions that the walk takes in a second, at most; 1,000 to 1,000,000.</summary>
    public int AuditSweepRate { get; init; } = 10_000;

    /// <summary>How often streams look for what is sealed; 50 ms to 1 minute.</summary>
    public TimeSpan AuditStreaming { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whether the target of a tenant's stream may stand at a private or loopback address: such a tenant makes us reach into our own network.
    /// </summary>
    public bool StreamsAllowPrivateAddresses { get; init; }

    /// <summary>No tenant may keep its audit entries shorter; 1 day to 100 years.</summary>
    public TimeSpan AuditRetentionFloor { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How often entries are looked for whose time has passed; 100 ms to 24 hours.</summary>
    public TimeSpan AuditExpiry { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Connections that the sealer may have at once; 2 to 100.</summary>
    public int SealerConnectionLimit { get; init; } = 60;

    /// <summary>Waiting for a free backend, or for a connection; 1 to 60 s.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often the catalogue's generation is read; 50 ms to 10 s.</summary>
    public TimeSpan CataloguePolling { get; init; } = TimeSpan.FromMilliseconds(250);

    internal TenantHeldKeyOptions HeldKeys => new()
    {
        Timeout = HeldKeyTimeout, MaxCalls = HeldKeyMaxCalls, AllowPrivateAddresses = HeldKeyAllowPrivateAddresses,
    };

    /// <summary>Says nothing: a record would print its connection strings, passwords and all.</summary>
    public override string ToString() => "(settings)";

    public IReadOnlyList<string> Validate()
    {
        var faults = new List<string>();
        Check(MaxBackends is >= 12 and <= 10_000, "MaxBackends is 12 to 10,000");
        Check(CellPoolSize is >= 1 and <= 1_000, "CellPoolSize is 1 to 1,000");
        Check(ControlPoolSize is >= 1 and <= 100, "ControlPoolSize is 1 to 100");
        Check(DatabasePoolSize is >= 1 and <= 100, "DatabasePoolSize is 1 to 100");
        Check(CellPoolSize + ControlPoolSize + DatabasePoolSize <= MaxBackends,
            "CellPoolSize, ControlPoolSize and one DatabasePoolSize fit into MaxBackends");
        Check(StatementTimeout >= TimeSpan.FromMilliseconds(100) && StatementTimeout <= TimeSpan.FromMinutes(10),
            "StatementTimeout is 100 ms to 10 minutes");
        Check(AuditSealing >= TimeSpan.FromMilliseconds(20) && AuditSealing <= TimeSpan.FromSeconds(10), "AuditSealing is 20 ms to 10 s");
        Check(AuditSealingBatch is >= 1 and <= 10_000, "AuditSealingBatch is 1 to 10,000");
        Check(AuditSealingAlert >= TimeSpan.FromSeconds(1) && AuditSealingAlert <= TimeSpan.FromHours(1),
            "AuditSealingAlert is 1 s to 1 hour");
        Check(AuditSweep >= TimeSpan.FromMilliseconds(100) && AuditSweep <= TimeSpan.FromHours(24), "AuditSweep is 100 ms to 24 hours");
        Check(AuditStreaming >= TimeSpan.FromMilliseconds(50) && AuditStreaming <= TimeSpan.FromMinutes(1), "AuditStreaming is 50 ms to 1 minute");
        Check(AuditRetentionFloor >= TimeSpan.FromDays(1) && AuditRetentionFloor <= TimeSpan.FromDays(36525), "AuditRetentionFloor is 1 day to 100 years");
        Check(AuditExpiry >= TimeSpan.FromMilliseconds(100) && AuditExpiry <= TimeSpan.FromHours(24), "AuditExpiry is 100 ms to 24 hours");
        Check(AuditSweepRate is >= 1_000 and <= 1_000_000, "AuditSweepRate is 1,000 to 1,000,000");
        Check(SealerConnectionLimit is >= 2 and <= 100, "SealerConnectionLimit is 2 to 100");
        Check(OpenTimeout >= TimeSpan.FromSeconds(1) && OpenTimeout <= TimeSpan.FromSeconds(60), "OpenTimeout is 1 to 60 s");
        Check(CataloguePolling >= TimeSpan.FromMilliseconds(50) && CataloguePolling <= TimeSpan.FromSeconds(10),
            "CataloguePolling is 50 ms to 10 s");
        Check(KeyCacheTime >= TimeSpan.FromSeconds(1) && KeyCacheTime <= TimeSpan.FromHours(1), "KeyCacheTime is 1 s to 1 hour");
        Check(HeldKeyCacheTime >= TimeSpan.FromSeconds(1) && HeldKeyCacheTime <= TimeSpan.FromHours(1),
            "HeldKeyCacheTime is 1 s to 1 hour");
        faults.AddRange(HeldKeys.Validate().Select(fault => "HeldKey" + fault));
        Check(KeyCacheUses is >= 1 and <= 1_000_000_000, "KeyCacheUses is 1 to 1,000,000,000");
        Check(KeyAnnouncement >= TimeSpan.FromMilliseconds(500) && KeyAnnouncement <= TimeSpan.FromMinutes(1),
            "KeyAnnouncement is 500 ms to 1 minute");
        Check(KeyAnnouncement > CataloguePolling, "KeyAnnouncement is longer than CataloguePolling");
        Check(KeyUpkeep >= TimeSpan.FromMilliseconds(100) && KeyUpkeep <= TimeSpan.FromHours(1), "KeyUpkeep is 100 ms to 1 hour");
        Check(CatalogueStale >= TimeSpan.FromSeconds(1) && CatalogueStale <= TimeSpan.FromHours(1), "CatalogueStale is 1 s to 1 hour");
        Check(CatalogueStale > CataloguePolling, "CatalogueStale is longer than CataloguePolling");
        Check(IdempotencyRetention >= TimeSpan.FromHours(1) && IdempotencyRetention <= TimeSpan.FromDays(30),
            "IdempotencyRetention is 1 hour to 30 days");
        Check(RootEpoch >= TimeSpan.FromHours(1) && RootEpoch <= TimeSpan.FromDays(366), "RootEpoch is 1 hour to 1 year");
        Check(TenantKeyAge >= TimeSpan.FromHours(1) && TenantKeyAge <= TimeSpan.FromDays(3653), "TenantKeyAge is 1 hour to 10 years");
        Check(DataKeyAge >= TimeSpan.FromHours(1) && DataKeyAge <= TimeSpan.FromDays(3653), "DataKeyAge is 1 hour to 10 years");
        Check(BackupRetention >= TimeSpan.FromHours(1) && BackupRetention <= TimeSpan.FromDays(3653), "BackupRetention is 1 hour to 10 years");
        Check(ResealBatch is >= 1 and <= 10_000, "ResealBatch is 1 to 10,000");
        Check((OperatorClientId is null) == (OperatorSecretDigest is null),
            "OperatorClientId and OperatorSecretDigest come together");
        faults.AddRange((Hsm?.Validate() ?? []).Select(fault => $"Hsm: {fault}"));
        return faults;

        void Check(bool holds, string rule)
        {
            if (!holds)
            {
                faults.Add(rule);
            }
        }
    }
}
