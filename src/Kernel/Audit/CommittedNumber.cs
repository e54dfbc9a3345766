namespace Bulkhead.Kernel.Audit;

/// <summary>A number of an act that its entry commits to, so that a total can be proven without showing the entry.</summary>
/// <param name="Attribute">As the app calls it: <c>[A-Za-z][A-Za-z0-9._-]{0,63}</c>.</param>
/// <param name="Value">Null when it is the number of the entry's records, which the act's own statement finds.</param>
/// <param name="Most">Records that the statement can find, where they are counted; 0 to 25,000.</param>
public readonly record struct CommittedNumber(string Attribute, ulong? Value, int Most = 0)
{
    public const int MostRecords = 25_000;

    public static CommittedNumber Of(string attribute, ulong value) => new(attribute, value);

    public static CommittedNumber OfRecords(string attribute, int most) => new(attribute, null, most);
}
