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
        ["answer-too-large"] = "The answer would be too large",
        ["app-not-found"] = "There is no such app",
        ["body-too-large"] = "The body is larger than the limit",
        ["concurrent-change"] = "The line met another change",
        ["conflict"] = "The change conflicts with what is stored",
        ["data-loss"] = "The change would lose or break data",
        ["duplicate-id"] = "An id stands twice in the chunk",
        ["duplicate-name"] = "A name stands twice in the JSON object",
        ["duplicate-parameter"] = "The parameter is given more than once",
        ["forbidden-origin"] = "The request comes from a place that may not make it",
        ["idempotency-key-reused"] = "The idempotency key was used with another body",
        ["invalid-body"] = "The body is not what the endpoint takes",
        ["invalid-credentials"] = "The client's credentials were refused",
        ["invalid-cursor"] = "The cursor is not valid for this query",
        ["invalid-format"] = "The value does not have the form of its type",
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
        ["not-in-values"] = "The value is not one of the declared values",
        ["not-sortable"] = "The field cannot be sorted by",
        ["not-unique"] = "Another record already has this value",
        ["out-of-range"] = "The value is outside its range",
        ["plan-refused"] = "The change cannot be made to records that exist",
        ["precondition-required"] = "The request needs an If-Match header",
        ["read-only-field"] = "The field may be read but not written",
        ["reference-not-found"] = "The referenced record does not exist",
        ["required"] = "A required value is missing",
        ["sort-key-too-long"] = "The page ends at values that are too long for a cursor",
        ["stale"] = "The record was changed since it was read",
        ["still-referenced"] = "Other records refer to this one",
        ["token-in-query"] = "An access token does not belong in a URL",
        ["too-long"] = "The value is too long",
        ["too-many"] = "There are more items than the limit",
        ["too-many-decimals"] = "The number has too many digits after the point",
        ["too-many-dependents"] = "Too many records hang on this one",
        ["too-many-values"] = "There are more values than the limit",
        ["too-short"] = "The value is too short",
        ["unique-violation"] = "Another record already has this value",
        ["unknown-expansion"] = "There is no such expansion",
        ["unknown-field"] = "There is no such field",
        ["unknown-operator"] = "The field has no such operator",
        ["unknown-parameter"] = "There is no such parameter",
        ["unsupported-media-type"] = "The endpoint does not take this content type",
        ["version-not-higher"] = "The app needs a higher version",
        ["wrong-type"] = "The value has another type than its field",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IReadOnlyDictionary<string, string> All => Titles;

    /// <summary>The title of a code; the code itself where the list lacks it, which a test over the sources forbids.</summary>
    internal static string Title(string code) => Titles.GetValueOrDefault(code, code);
}
