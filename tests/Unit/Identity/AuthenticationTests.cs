using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Identity;

public sealed class AuthenticationTests
{
    private readonly Clock _clock = new();
    private readonly TestIssuer _a = new("northside");
    private readonly TestIssuer _b = new("riverside");
    private readonly Caller _caller;

    public AuthenticationTests() => _caller = new(_clock);

    [Fact]
    public async Task Reject_a_token_of_another_tenant_65_also_when_it_was_verified_there()
    {
        var token = _a.Token(_clock.Now);
        Assert.Null(await _caller.CallAsync(_b.Resolved, token));
        Assert.Equal(401, _caller.Context.Response.StatusCode);

        Assert.NotNull(await _caller.CallAsync(_a.Resolved, token));
        Assert.Null(await _caller.CallAsync(_b.Resolved, token));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
    }

    [Fact]
    public async Task A_slug_that_was_given_to_another_tenant_does_not_inherit_verified_tokens()
    {
        var token = _a.Token(_clock.Now);
        Assert.NotNull(await _caller.CallAsync(_a.Resolved, token));

        var heir = new TestIssuer("northside");
        Assert.Null(await _caller.CallAsync(heir.Resolved, token));
    }

    [Fact]
    public async Task Verify_a_token_once_while_nothing_changes()
    {
        var token = _a.Token(_clock.Now);
        var resolved = _a.Resolved;
        for (var i = 0; i < 5; i++)
        {
            Assert.NotNull(await _caller.CallAsync(resolved, token));
        }

        Assert.Equal(1, _caller.Verifications);
    }

    [Fact]
    public async Task Verify_again_when_the_tenants_entry_changes()
    {
        var token = _a.Token(_clock.Now);
        await _caller.CallAsync(_a.Resolved, token);

        Assert.NotNull(await _caller.CallAsync(new(_a.Entry with { AppVersion = 2 }), token));
        Assert.Equal(2, _caller.Verifications);
    }

    [Fact]
    public async Task A_verified_token_ends_with_its_expiry()
    {
        var token = _a.Token(_clock.Now);
        var resolved = _a.Resolved;
        Assert.NotNull(await _caller.CallAsync(resolved, token));

        _clock.Now += TimeSpan.FromMinutes(11);
        Assert.Null(await _caller.CallAsync(resolved, token));
    }

    [Fact]
    public async Task A_token_of_the_path_is_not_one_of_the_host()
    {
        var host = new ResolvedTenant(_a.Entry, "care.example");
        var byHost = _a.Token(_clock.Now, issuer: Platform.Identity.Issuer.Of(host, TestIssuer.Options));
        Assert.NotNull(await _caller.CallAsync(host, byHost));
        Assert.Null(await _caller.CallAsync(_a.Resolved, byHost));
        Assert.Null(await _caller.CallAsync(host, _a.Token(_clock.Now)));
    }

    [Fact]
    public async Task Without_a_token_the_challenge_names_no_error()
    {
        Assert.Null(await _caller.CallAsync(_a.Resolved, null));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
        Assert.Equal("Bearer", _caller.Challenge);
        Assert.Equal("missing-token", (string?)_caller.Problem()["code"]);
    }

    [Fact]
    public async Task Another_scheme_is_no_token()
    {
        Assert.Null(await _caller.CallAsync(_a.Resolved, null, r => r.Headers.Authorization = "Basic YTpi"));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
        Assert.Equal("Bearer", _caller.Challenge);
    }

    [Fact]
    public async Task Refuse_a_token_in_the_query_even_beside_one_in_the_header()
    {
        var token = _a.Token(_clock.Now);
        Assert.Null(await _caller.CallAsync(_a.Resolved, token, r => r.QueryString = new("?access_token=" + token)));
        Assert.Equal(400, _caller.Context.Response.StatusCode);
        Assert.Equal("token-in-query", (string?)_caller.Problem()["code"]);
    }

    [Fact]
    public async Task Refuse_an_escaped_token_in_the_query()
    {
        var token = _a.Token(_clock.Now);
        Assert.Null(await _caller.CallAsync(_a.Resolved, token, r => r.QueryString = new("?access%5Ftoken=x")));
        Assert.Equal(400, _caller.Context.Response.StatusCode);
    }

    [Fact]
    public async Task A_token_in_a_form_is_no_token()
    {
        Assert.Null(await _caller.CallAsync(_a.Resolved, null, r =>
        {
            r.Method = "POST";
            r.ContentType = "application/x-www-form-urlencoded";
            r.Body = new MemoryStream("access_token=x"u8.ToArray());
        }));
        Assert.Equal(401, _caller.Context.Response.StatusCode);
        Assert.Equal("Bearer", _caller.Challenge);
    }

    [Fact]
    public async Task Refuse_two_authorization_headers()
    {
        var token = "Bearer " + _a.Token(_clock.Now);
        Assert.Null(await _caller.CallAsync(
            _a.Resolved, null, r => r.Headers.Authorization = new([token, token])));
        Assert.Equal(400, _caller.Context.Response.StatusCode);
        Assert.Equal("Bearer error=\"invalid_request\"", _caller.Challenge);
    }

    [Theory]
    [InlineData("treatment")]
    [InlineData("Rückfrage des Labors, Befund 4711")]
    public async Task The_purpose_is_carried_into_the_context(string purpose)
    {
        var call = await _caller.CallAsync(_a.Resolved, _a.Token(_clock.Now), r => r.Headers["Purpose"] = purpose);
        Assert.Equal(purpose, call!.Context.Purpose);
    }

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    [InlineData("tab\there")]
    [InlineData("hidden\u202eturn")]
    [InlineData("half \ud83d")]
    public async Task Refuse_a_purpose_that_does_not_print(string purpose)
    {
        Assert.Null(await _caller.CallAsync(
            _a.Resolved, _a.Token(_clock.Now), r => r.Headers["Purpose"] = purpose));
        Assert.Equal(400, _caller.Context.Response.StatusCode);
        Assert.Equal("invalid-header", (string?)_caller.Problem()["code"]);
    }

    [Fact]
    public async Task Refuse_a_purpose_of_more_than_200_characters_and_more_than_one()
    {
        var token = _a.Token(_clock.Now);
        Assert.NotNull(await _caller.CallAsync(_a.Resolved, token, r => r.Headers["Purpose"] = new string('p', 200)));
        Assert.Null(await _caller.CallAsync(_a.Resolved, token, r => r.Headers["Purpose"] = new string('p', 201)));
        Assert.Null(await _caller.CallAsync(_a.Resolved, token, r => r.Headers["Purpose"] = new(["a", "b"])));
    }

    [Fact]
    public async Task The_ticket_is_carried_into_the_context_and_both_faults_are_told_at_once()
    {
        var token = _a.Token(_clock.Now);
        var call = await _caller.CallAsync(_a.Resolved, token, r => r.Headers["Ticket"] = new string('t', 100));
        Assert.Equal(new string('t', 100), call!.Context.Ticket);
        Assert.Equal("secret", call.Context.Caller!.Assurance);
        Assert.NotNull(call.Context.Caller.Credential);
        Assert.Null(await _caller.CallAsync(_a.Resolved, token, r =>
        {
            r.Headers["Ticket"] = new string('t', 101);
            r.Headers["Purpose"] = "";
        }));
        Assert.Equal(
            ["Purpose", "Ticket"], _caller.Problem()["errors"]!.AsArray().Select(f => (string?)f!["parameter"]));
    }

    [Fact]
    public async Task Operator_and_tenant_do_not_take_each_others_tokens()
    {
        var @operator = new TestIssuer("operator");
        var caller = new Caller(_clock, @operator.Public);
        var token = @operator.OperatorToken(_clock.Now, "operator");

        var actor = await caller.CallOperatorAsync(token);
        Assert.Equal("operator-1", actor!.Id);
        Assert.Equal(ActorKind.Operator, actor.Kind);
        Assert.Null(await caller.CallAsync(_a.Resolved, token));
        Assert.Null(await caller.CallOperatorAsync(_a.Token(_clock.Now)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("operator admin")]
    public async Task An_operators_token_needs_its_scope(string? scope)
    {
        var @operator = new TestIssuer("operator");
        var caller = new Caller(_clock, @operator.Public);
        Assert.Null(await caller.CallOperatorAsync(@operator.OperatorToken(_clock.Now, scope)));
        Assert.Equal(401, caller.Context.Response.StatusCode);
    }
}
