using System.Security.Cryptography;
using System.Text.Json;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Identity;
using Bulkhead.Tests.Unit.Identity;
using Microsoft.IdentityModel.Tokens;
using Base64Url = System.Buffers.Text.Base64Url;

namespace Bulkhead.Tests.Unit.Vectors;

/// <summary>
/// JWS and JWK of Wycheproof, as far as they meet code of ours: we verify ES256 only, with P-256 keys of our own catalogue, in access
/// tokens only. Groups of HS*, RS*, PS* and ES512 are there to be refused, also the valid ones. Key sets (two keys of one id, keys of
/// several kinds) and symmetric and RSA keys do not apply: no code of ours reads a key set or such a key.
/// </summary>
public sealed class TokenVectors
{
    private readonly Clock _clock = new();
    private readonly TokenVerification _verification;

    public TokenVectors() => _verification = new(_clock);

    [VectorsFact]
    public void ES256_signatures_verify_as_published_with_the_keys_that_we_read()
    {
        var tests = Wycheproof.Load("json_web_signature_test.json").Where(t => Comment(t) is "es256" or "SpecialCaseEs256").ToArray();
        Assert.Equal(39, tests.Length);
        Assert.Equal(2, tests.Count(t => t.IsValid));
        Assert.Empty(Wycheproof.Wrong(tests, Verifies));
    }

    [VectorsFact]
    public async Task Reject_an_access_token_with_each_of_the_special_signatures()
    {
        var tests = Wycheproof.Load("json_web_signature_test.json").Where(t => Comment(t) == "SpecialCaseEs256").ToArray();
        var issuer = new TestIssuer("northside");
        var key = PublicKey(tests[0].Setting.GetProperty("public"));
        using var signer = PrivateKey(tests[0].Setting.GetProperty("private"));
        var token = Token(issuer, key.Kid, signer);
        Assert.NotNull(await _verification.VerifyAsync(token, issuer.Issuer, new([key])));

        var body = token[..token.LastIndexOf('.')];
        Assert.Equal(24, tests.Length);
        foreach (var test in tests)
        {
            var signature = Jws(test)!.Split('.')[2];
            Assert.Null(await _verification.VerifyAsync($"{body}.{signature}", issuer.Issuer, new([key])));
        }
    }

    [VectorsFact]
    public async Task No_published_JWS_is_an_access_token_whatever_its_signature()
    {
        var tests = Wycheproof.Load("json_web_signature_test.json");
        Assert.Equal(401, tests.Length);
        var issuer = new TestIssuer("northside");
        var withKeys = 0;
        foreach (var test in tests)
        {
            var hasKey = test.Setting.TryGetProperty("public", out var jwk) && jwk.TryGetProperty("kid", out _);
            withKeys += hasKey ? 1 : 0;
            var keys = new VerificationKeys(hasKey ? [PublicKey(jwk)] : []);
            // Two of them are JSON serialization, of which we read no text at all.
            Assert.Null(await _verification.VerifyAsync(Jws(test) ?? test.Test.GetProperty("jws").GetRawText(), issuer.Issuer, keys));
        }

        Assert.InRange(withKeys, 300, 401);
    }

    /// <summary>The key signs; its JWK says that it is for something else, or it is no key.</summary>
    [VectorsFact]
    public async Task Reject_an_access_token_of_a_key_that_is_not_a_valid_ES256_key()
    {
        var keys = Wycheproof.Load("json_web_key_test.json");
        Assert.Equal(26, keys.Length);
        WycheproofTest[] tests =
        [
            .. keys.Where(t => t.Setting.TryGetProperty("public", out var set) && Only(set).TryGetProperty("crv", out _)),
            .. Wycheproof.Load("json_web_signature_test.json").Where(t => Comment(t) == "ec_key_for_encryption"),
        ];
        Assert.Equal(8, tests.Length);
        var issuer = new TestIssuer("northside");
        List<string> accepted = [];
        foreach (var test in tests)
        {
            Assert.False(test.IsValid);
            var jwk = PublicKey(Only(test.Setting.GetProperty("public")));
            using var signer = PrivateKey(Only(test.Setting.GetProperty("private")));
            foreach (var token in new[] { Jws(test)!, Token(issuer, jwk.Kid, signer) })
            {
                if (await _verification.VerifyAsync(token, issuer.Issuer, new([jwk])) is not null)
                {
                    accepted.Add(test.ToString());
                }
            }
        }

        Assert.Empty(accepted);
    }

    private static bool Verifies(WycheproofTest test)
    {
        var parts = Jws(test)!.Split('.');
        if (parts.Length != 3)
        {
            return false;
        }

        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            if (header.RootElement.GetProperty("alg").GetString() != "ES256" || header.RootElement.EnumerateObject().Count() != 2)
            {
                return false;
            }

            var key = new VerificationKeys([PublicKey(test.Setting.GetProperty("public"))])
                .Find(header.RootElement.GetProperty("kid").GetString()).SingleOrDefault();
            if (key is null)
            {
                return false;
            }

            using var provider = new CryptoProviderFactory { CacheSignatureProviders = false }.CreateForVerifying(key, "ES256");
            return provider.Verify(
                System.Text.Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2]));
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException)
        {
            return false;
        }
    }

    private string Token(TestIssuer issuer, string kid, ECDsa signer) =>
        new AccessToken(issuer.Issuer, "client-1", ["clinician"], null, Guid.CreateVersion7(), _clock.Now)
            .Write(kid, data => signer.SignData(data, HashAlgorithmName.SHA256));

    private static string? Jws(WycheproofTest test) =>
        test.Test.GetProperty("jws") is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static string? Comment(WycheproofTest test) => test.Setting.GetProperty("comment").GetString();

    private static JsonElement Only(JsonElement keys) =>
        keys.TryGetProperty("keys", out var set) ? set.EnumerateArray().Single() : keys;

    private static PublicKey PublicKey(JsonElement jwk) => new(jwk.GetProperty("kid").GetString()!, jwk.GetRawText());

    private static ECDsa PrivateKey(JsonElement jwk) => ECDsa.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        D = Base64Url.DecodeFromChars(jwk.GetProperty("d").GetString()),
    });
}
