using Bulkhead.Host.Local;
using Bulkhead.Kernel;

namespace Bulkhead.Tests.Unit.Host;

public sealed class KeySettingsTests
{
    private static readonly KernelOptions Plain = new() { AppConnection = "Host=x;Database=y", KeyDirectory = "keys" };

    [Fact]
    public void Take_what_is_set_and_leave_the_rest_as_it_is()
    {
        var options = Apply(
            ("BULKHEAD_BACKUP_RETENTION", "P60D"), ("BULKHEAD_KEY_CACHE_TIME", "PT30S"), ("BULKHEAD_REQUIRE_POST_QUANTUM", "true"),
            ("BULKHEAD_HSM_LIBRARY", "/usr/lib/hsm.so"), ("BULKHEAD_HSM_TOKEN", "roots"), ("BULKHEAD_HSM_PIN_FILE", "/run/pin"),
            ("BULKHEAD_KEY_PASSPHRASE_FILE", "/run/passphrase"));
        Assert.Equal(TimeSpan.FromDays(60), options.BackupRetention);
        Assert.Equal(TimeSpan.FromSeconds(30), options.KeyCacheTime);
        Assert.True(options.RequirePostQuantum);
        Assert.Equal("roots", options.Hsm!.TokenLabel);
        Assert.Equal("/run/passphrase", options.KeyPassphraseFile);
        Assert.Equal(Plain.RootEpoch, options.RootEpoch);
        Assert.Equal(Plain, Apply());
    }

    [Fact]
    public void Take_the_passphrase_that_systemd_hands_over()
    {
        var folder = Directory.CreateTempSubdirectory("bh-credentials-");
        Assert.Null(Apply(("CREDENTIALS_DIRECTORY", folder.FullName)).KeyPassphraseFile);
        var file = Path.Combine(folder.FullName, "bulkhead-roots");
        File.WriteAllText(file, "a long passphrase");
        Assert.Equal(file, Apply(("CREDENTIALS_DIRECTORY", folder.FullName)).KeyPassphraseFile);
        folder.Delete(recursive: true);
    }

    [Fact]
    public void Say_every_fault_at_once()
    {
        var fault = Assert.Throws<StartFault>(() => Apply(
            ("BULKHEAD_ROOT_EPOCH", "30 days"), ("BULKHEAD_DATA_KEY_AGE", "PT1S"), ("BULKHEAD_REQUIRE_POST_QUANTUM", "yes"),
            ("BULKHEAD_HSM_TOKEN", "roots")));
        foreach (var word in new[] { "BULKHEAD_ROOT_EPOCH", "DataKeyAge", "BULKHEAD_REQUIRE_POST_QUANTUM", "BULKHEAD_HSM_LIBRARY" })
        {
            Assert.Contains(word, fault.Message, StringComparison.Ordinal);
        }
    }

    private static KernelOptions Apply(params (string Name, string Value)[] variables) =>
        KeySettings.Apply(Plain, name => variables.FirstOrDefault(v => v.Name == name).Value);
}
