using System.Collections.Frozen;

namespace Bulkhead.Platform.Access;

/// <summary>
/// Every code that a problem or a fault may carry, with its title. Codes are part of the API: they are added, never changed.
/// docs/errors.md is made from this list, and a test compares the two.
/// </summary>
public static class ErrorCodes
{
    private static readonly FrozenDictionary<string, string> Titles = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["app-not-found"] = "There is no such app",
        ["body-too-large"] = "The body is larger than the limit",
        ["conflict"] = "The change conflicts with what is stored",
        ["data-loss"] = "The change would lose or break data",
        ["duplicate-name"] = "A name stands twice in the JSON object",
        ["duplicate-parameter"] = "The parameter is given more than once",
        ["forbidden-origin"] = "The request comes from a place that may not make it",
        ["idempotency-key-reused"] = "The idempotency key was used with another body",
        ["invalid-body"] = "The body is not what the endpoint takes",
        ["invalid-credentials"] = "The client's credentials were refused",
        ["invalid-cursor"] = "The cursor is not valid for this query",
        ["invalid-header"] = "A header has an invalid value",
        ["invalid-id"] = "The id is not a UUID",
        ["invalid-manifest"] = "The manifest has faults",
        ["invalid-parameter"] = "A parameter has an invalid value",
        ["invalid-token"] = "The access token is not valid here",
        ["invalid-value"] = "A value does not fit its field",
        ["malformed-json"] = "The body is not well-formed JSON",
        ["method-not-allowed"] = "The resource does not take this method",
        ["missing-token"] = "An access token is needed",
        ["no-deployer"] = "This process cannot deploy or onboard",
        ["not-found"] = "There is no such resource, or it is not yours to see",
        ["not-unique"] = "Another record already has this value",
        ["plan-refused"] = "The change cannot be made to records that exist",
        ["precondition-required"] = "The request needs an If-Match header",
        ["read-only-field"] = "The field may be read but not written",
        ["referenced"] = "Other records refer to this one",
        ["required"] = "A required value is missing",
        ["stale"] = "The record was changed since it was read",
        ["token-in-query"] = "An access token does not belong in a URL",
        ["too-long"] = "The value is too long",
        ["too-many"] = "There are more items than the limit",
        ["unknown-field"] = "There is no such field",
        ["unknown-parameter"] = "There is no such parameter",
        ["unknown-reference"] = "The referenced record does not exist",
        ["unsupported-media-type"] = "The endpoint does not take this content type",
        ["version-not-higher"] = "The app needs a higher version",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IReadOnlyDictionary<string, string> All => Titles;

    /// <summary>The title of a code; the code itself where the list lacks it, which a test over the sources forbids.</summary>
    internal static string Title(string code) => Titles.GetValueOrDefault(code, code);
}
