using System.Collections.Immutable;
using System.Globalization;
using System.Xml;
using Bulkhead.Kernel;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Host.Local;

/// <summary>
/// The operator's settings of keys and of the audit log, from the environment. Durations are ISO 8601 (<c>P35D</c>, <c>PT5M</c>); their limits are those of
/// <see cref="KernelOptions"/>.
/// </summary>
internal static class KeySettings
{
    private const string Prefix = "BULKHEAD_";

    private static readonly ImmutableArray<(string Name, Func<KernelOptions, TimeSpan, KernelOptions> Set)> Durations =
    [
        ("ROOT_EPOCH", (options, value) => options with { RootEpoch = value }),
        ("TENANT_KEY_AGE", (options, value) => options with { TenantKeyAge = value }),
        ("DATA_KEY_AGE", (options, value) => options with { DataKeyAge = value }),
        ("BACKUP_RETENTION", (options, value) => options with { BackupRetention = value }),
        ("IDEMPOTENCY_RETENTION", (options, value) => options with { IdempotencyRetention = value }),
        ("KEY_CACHE_TIME", (options, value) => options with { KeyCacheTime = value }),
        ("KEY_UPKEEP", (options, value) => options with { KeyUpkeep = value }),
        ("AUDIT_SEALING_ALERT", (options, value) => options with { AuditSealingAlert = value }),
        ("AUDIT_STREAMING", (options, value) => options with { AuditStreaming = value }),
        ("AUDIT_EXPIRY", (options, value) => options with { AuditExpiry = value }),
        ("AUDIT_SWEEP", (options, value) => options with { AuditSweep = value }),
        ("AUDIT_RETENTION_FLOOR", (options, value) => options with { AuditRetentionFloor = value }),
        ("CATALOGUE_STALE", (options, value) => options with { CatalogueStale = value }),
    ];

    private static readonly ImmutableArray<(string Name, Func<KernelOptions, bool, KernelOptions> Set)> Switches =
    [
        ("REQUIRE_POST_QUANTUM", (options, value) => options with { RequirePostQuantum = value }),
        ("STREAMS_ALLOW_PRIVATE_ADDRESSES", (options, value) => options with { StreamsAllowPrivateAddresses = value }),
        ("HELD_KEY_ALLOW_PRIVATE_ADDRESSES", (options, value) => options with { HeldKeyAllowPrivateAddresses = value }),
    ];

    /// <param name="variable">Value of an environment variable; null or empty when it is not set.</param>
    /// <exception cref="StartFault">With every fault.</exception>
    public static KernelOptions Apply(KernelOptions options, Func<string, string?> variable)
    {
        var faults = new List<string>();
        foreach (var (name, set) in Durations)
        {
            if (Value(name) is { } text)
            {
                try
                {
                    options = set(options, XmlConvert.ToTimeSpan(text));
                }
                catch (Exception fault) when (fault is FormatException or OverflowException)
                {
                    faults.Add($"{Prefix}{name} is an ISO 8601 duration such as P35D or PT5M, not '{text}'");
                }
            }
        }

        foreach (var (name, set) in Switches)
        {
            if (Value(name) is { } text)
            {
                options = set(options, text == "true");
                if (text is not ("true" or "false"))
                {
                    faults.Add($"{Prefix}{name} is true or false, not '{text}'");
                }
            }
        }

        if (Value("AUDIT_SWEEP_RATE") is { } rate)
        {
            if (int.TryParse(rate, NumberStyles.None, CultureInfo.InvariantCulture, out var positions))
            {
                options = options with { AuditSweepRate = positions };
            }
            else
            {
                faults.Add($"{Prefix}AUDIT_SWEEP_RATE is a whole number, not '{rate}'");
            }
        }

        options = options with { KeyPassphraseFile = Value("KEY_PASSPHRASE_FILE") ?? Credential(variable) };
        options = WithHsm(options, Value, faults);
        faults.AddRange(options.Validate());
        return faults.Count == 0 ? options : throw new StartFault(string.Join('\n', faults.Prepend("The settings are at fault:")));

        string? Value(string name) => variable(Prefix + name) is { Length: > 0 } value ? value : null;
    }

    /// <summary>A credential that systemd hands to the service (LoadCredential=bulkhead-roots:…).</summary>
    private static string? Credential(Func<string, string?> variable) =>
        variable("CREDENTIALS_DIRECTORY") is { Length: > 0 } folder && Path.Combine(folder, "bulkhead-roots") is var path && File.Exists(path)
            ? path
            : null;

    private static KernelOptions WithHsm(KernelOptions options, Func<string, string?> value, List<string> faults)
    {
        string[] names = ["HSM_LIBRARY", "HSM_TOKEN", "HSM_PIN_FILE"];
        var given = names.Where(name => value(name) is not null).ToList();
        if (given.Count == 0)
        {
            return options;
        }

        if (given.Count < names.Length)
        {
            faults.Add($"{string.Join(", ", names.Select(name => Prefix + name))} are set together, or none of them");
            return options;
        }

        return options with
        {
            Hsm = new Pkcs11Options { Library = value(names[0])!, TokenLabel = value(names[1])!, PinFile = value(names[2])! },
        };
    }
}
