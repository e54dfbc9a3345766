using System.Text.Json;
using System.Text.Json.Serialization;

namespace Bulkhead.Bench.Http;

/// <summary>The record as both servers answer it.</summary>
internal sealed record Contact(
    Guid Id, DateTime CreatedAt, DateTime UpdatedAt, string FirstName, string LastName, string City, string Gender, DateOnly Born,
    decimal Income, long Visits, bool Active, DateTime SeenAt, string Note);

internal sealed record ContactPage(IReadOnlyList<Contact> Data, string? Next);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Contact))]
[JsonSerializable(typeof(ContactPage))]
[JsonSerializable(typeof(ContactDraft))]
internal sealed partial class ContactJson : JsonSerializerContext;
