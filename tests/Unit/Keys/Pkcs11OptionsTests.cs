using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Tests.Unit.Keys;

public sealed class Pkcs11OptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bh-pin-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void All_faults_are_listed_at_once()
    {
        Assert.Empty(Good.Validate());
        var bad = new Pkcs11Options
        {
            Library = "libsofthsm2.so",
            TokenLabel = new string('x', 33),
            PinFile = "pin",
            MaxSessions = 65,
            KeyLabelPrefix = "",
            OperationTimeout = TimeSpan.FromMinutes(2),
        };
        Assert.Equal(6, bad.Validate().Count);
        var fault = Assert.Throws<KeyStoreFault>(() => new Pkcs11KeyStore(bad, TimeProvider.System));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        Assert.All(bad.Validate(), rule => Assert.Contains(rule, fault.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, 5_000)]
    [InlineData(8, 99)]
    [InlineData(8, 60_001)]
    public void Every_limit_is_finite(int sessions, int milliseconds) =>
        Assert.Single((Good with { MaxSessions = sessions, OperationTimeout = TimeSpan.FromMilliseconds(milliseconds) }).Validate());

    [Theory]
    [InlineData("1234", "1234")]
    [InlineData("1234\n", "1234")]
    [InlineData(" 12 34\n", " 12 34")]
    public void The_PIN_is_the_file_without_its_line_feed(string content, string pin) =>
        Assert.Equal(pin, global::System.Text.Encoding.UTF8.GetString(PinFile.Read(Written(content, 0x180))));

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_PIN_that_others_may_read_or_replace_is_refused(UnixFileMode others)
    {
        var fault = Refused(Written("1234", 0x180 | (int)others));
        Assert.Contains("chmod 600", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("1234", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_and_an_empty_PIN_file_name_the_next_step()
    {
        Assert.Contains("Next step", Refused(Path.Combine(_folder, "absent")).Message, StringComparison.Ordinal);
        Assert.Contains("Next step", Refused(Written("\n", 0x180)).Message, StringComparison.Ordinal);
        Assert.Contains("Next step", Refused(Written(new string('1', 300), 0x180)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_that_would_lock_itself_is_not_asked()
    {
        const nuint well = Ck.TokenInitialized | Ck.UserPinInitialized;
        Assert.Null(TokenConnection.RefusalOf(Token(well)));
        Assert.Contains("has locked", TokenConnection.RefusalOf(Token(well | Ck.UserPinLocked)), StringComparison.Ordinal);
        Assert.Contains("locks itself", TokenConnection.RefusalOf(Token(well | Ck.UserPinFinalTry)), StringComparison.Ordinal);
        Assert.Contains("no user PIN", TokenConnection.RefusalOf(Token(Ck.TokenInitialized)), StringComparison.Ordinal);

        static TokenInfo Token(nuint flags) => new(1, "roots", "1", flags);
    }

    [Fact]
    public void A_token_that_does_half_of_a_mechanism_is_refused()
    {
        var token = new TokenInfo(1, "roots", "1", 0);
        TokenConnection.Require(token, Ck.CanEncrypt | Ck.CanDecrypt | 1, Ck.CanEncrypt | Ck.CanDecrypt, "CKM_AES_GCM");
        var fault = Assert.Throws<KeyStoreFault>(
            () => TokenConnection.Require(token, Ck.CanEncrypt, Ck.CanEncrypt | Ck.CanDecrypt, "CKM_AES_GCM"));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        Assert.Contains("CKM_AES_GCM", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_carries_the_standards_name_of_its_code()
    {
        var removed = new CryptokiFault("C_Encrypt", 0x32);
        Assert.Contains("CKR_DEVICE_REMOVED", removed.AsKeyStoreFault().Message, StringComparison.Ordinal);
        Assert.Equal(KeyStoreFaultKind.Unavailable, removed.AsKeyStoreFault().Kind);
        Assert.True(removed.Code.LosesToken);
        var vendors = new CryptokiFault("C_Encrypt", 0x80000001).AsKeyStoreFault();
        Assert.Contains("0x80000001", vendors.Message, StringComparison.Ordinal);
        Assert.Equal(KeyStoreFaultKind.Unavailable, vendors.Kind);
    }

    private static Pkcs11Options Good => new() { Library = "/usr/lib/hsm.so", TokenLabel = "roots", PinFile = "/etc/bulkhead/pin" };

    private static KeyStoreFault Refused(string path)
    {
        var fault = Assert.Throws<KeyStoreFault>(() => PinFile.Read(path));
        Assert.Equal(KeyStoreFaultKind.Misconfigured, fault.Kind);
        return fault;
    }

    private string Written(string content, int mode)
    {
        var path = Path.Combine(_folder, "pin");
        File.WriteAllText(path, content);
        File.SetUnixFileMode(path, (UnixFileMode)mode);
        return path;
    }
}
