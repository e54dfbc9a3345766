using System.ComponentModel.DataAnnotations;

namespace Bulkhead.Platform.Identity;

/// <summary>Bound from <c>Bulkhead</c>.</summary>
internal sealed record IdentityOptions : IValidatableObject
{
    /// <summary>
    /// The base URL that clients use, without a path: issuers, audiences and links are built from it and never from what a
    /// client sent (a forged Host header would otherwise choose the issuer).
    /// </summary>
    [Required]
    public string PublicUrl { get; init; } = "http://localhost:8080";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!Uri.TryCreate(PublicUrl, UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps)
            || url.AbsolutePath != "/"
            || url.Query.Length + url.Fragment.Length + url.UserInfo.Length > 0)
        {
            yield return new ValidationResult(
                "Bulkhead:PublicUrl must be http(s)://host[:port] without path, query, fragment or user.",
                [nameof(PublicUrl)]);
        }
    }
}
