using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Identity;

namespace Bulkhead.Tests.Unit.Identity;

public sealed class VerifiedTokensTests
{
    private readonly Clock _clock = new();
    private readonly TestIssuer _tenant = new("northside");

    [Fact]
    public void The_same_token_at_two_tenants_has_two_keys()
    {
        var token = _tenant.Token(_clock.Now);
        Assert.Equal(TokenKey.Of(_tenant.Entry.Id, token), TokenKey.Of(_tenant.Entry.Id, token));
        Assert.NotEqual(TokenKey.Of(_tenant.Entry.Id, token), TokenKey.Of(TenantId.New(), token));
    }

    [Fact]
    public void Two_tokens_of_any_length_have_two_keys()
    {
        foreach (var length in new[] { 1, 1023, 1024, 1025, 8192 })
        {
            var token = new string('a', length);
            Assert.NotEqual(
                TokenKey.Of(_tenant.Entry.Id, token), TokenKey.Of(_tenant.Entry.Id, token[..^1] + "b"));
            Assert.Equal(TokenKey.Of(_tenant.Entry.Id, token), TokenKey.Of(_tenant.Entry.Id, token));
        }
    }

    [Fact]
    public void It_never_holds_more_than_its_capacity()
    {
        var tokens = new VerifiedTokens(_clock, capacity: 100);
        for (var i = 0; i < 1000; i++)
        {
            tokens.Add(Key(i), Verified());
            Assert.InRange(tokens.Count, 1, 100);
        }
    }

    [Fact]
    public void A_token_in_use_survives_the_change_of_generations()
    {
        var tokens = new VerifiedTokens(_clock, capacity: 100);
        var verified = Verified();
        tokens.Add(Key(-1), verified);
        for (var i = 0; i < 1000; i++)
        {
            tokens.Add(Key(i), Verified());
            Assert.True(tokens.TryGet(Key(-1), verified.Resolved, out _));
        }
    }

    [Fact]
    public void It_forgets_at_the_tokens_end()
    {
        var tokens = new VerifiedTokens(_clock);
        var verified = Verified();
        tokens.Add(Key(1), verified);
        _clock.Now = verified.ExpiresAt - TimeSpan.FromTicks(1);
        Assert.True(tokens.TryGet(Key(1), verified.Resolved, out _));
        _clock.Now = verified.ExpiresAt;
        Assert.False(tokens.TryGet(Key(1), verified.Resolved, out _));
    }

    [Fact]
    public void It_takes_no_token_that_has_ended()
    {
        var tokens = new VerifiedTokens(_clock);
        tokens.Add(Key(1), Verified() with { ExpiresAt = _clock.Now });
        Assert.Equal(0, tokens.Count);
    }

    [Fact]
    public void It_forgets_when_the_tenants_keys_status_or_app_version_change()
    {
        var tokens = new VerifiedTokens(_clock);
        var verified = Verified();
        tokens.Add(Key(1), verified);
        TenantEntry[] changed =
        [
            _tenant.Entry with { SigningKeys = [] },
            _tenant.Entry with { Status = TenantStatus.Suspended },
            _tenant.Entry with { AppVersion = 2 },
        ];
        Assert.All(changed, entry => Assert.False(tokens.TryGet(Key(1), new(entry), out _)));
        Assert.True(tokens.TryGet(Key(1), verified.Resolved, out _));
        Assert.False(tokens.TryGet(Key(1), verified.Resolved with { Host = "care.example" }, out _));
    }

    private TokenKey Key(int number) => TokenKey.Of(_tenant.Entry.Id, $"token{number}");

    private VerifiedToken Verified() => new(
        _tenant.Resolved,
        TestIssuer.App,
        new(ActorKind.Service, "client-1", []),
        _clock.Now + TimeSpan.FromMinutes(10));
}
