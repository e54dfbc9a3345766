using Bulkhead.Platform.Apps;

namespace Bulkhead.Platform.Data;

/// <summary>
/// Names in the document. An app names its entities freely, so the document's own names must be out of its reach: an
/// entity's name holds no dot, hence <c>Patient.Create</c> and <c>Bulkhead.Problem</c> collide with no entity,
/// whatever it is called; and operations of the platform begin with a verb (<c>read</c>) that no operation of an
/// entity has.
/// </summary>
internal static class OpenApiNames
{
    public const string Problem = "Bulkhead.Problem";
    public const string AuditEntry = "Bulkhead.AuditEntry";
    public const string AuditPage = "Bulkhead.AuditPage";
    public const string Counts = "Bulkhead.Counts";
    public const string ImportResult = "Bulkhead.ImportResult";

    public static string Record(EntityModel entity) => Capital(entity.Name);

    public static string Create(EntityModel entity) => Record(entity) + ".Create";

    public static string Patch(EntityModel entity) => Record(entity) + ".Patch";

    public static string Line(EntityModel entity) => Record(entity) + ".ImportLine";

    public static string Page(EntityModel entity) => Record(entity) + ".Page";

    public static string Operation(string verb, string name) => verb + Capital(name);

    /// <summary><c>claimTransactions</c> as words: <c>claim transactions</c>.</summary>
    public static string Words(string camelCase) =>
        string.Concat(
            camelCase.Select((c, i) =>
                char.IsAsciiLetterUpper(c) && i > 0 ? " " + char.ToLowerInvariant(c) : c.ToString()));

    public static string Capital(string camelCase) => char.ToUpperInvariant(camelCase[0]) + camelCase[1..];
}
