using static Bulkhead.Platform.Apps.ManifestFaultCode;

namespace Bulkhead.Platform.Apps;

/// <summary>Whether a field lies in an envelope, and how it may be found there.</summary>
internal static class ManifestSealing
{
    /// <summary>
    /// A shorter text has few values: who sees how often each blind index occurs can tell which is which. A longer one may have few
    /// values too (a diagnosis); that only the builder knows, and the docs say so.
    /// </summary>
    private const int MinTextLength = 6;

    private const decimal MinIntegers = 1_000_000_000;

    private static ManifestWords<SealedSearch> Searches { get; } = new();

    /// <summary>Sealed whatever the manifest says.</summary>
    internal static bool IsAlwaysSealed(DataClass dataClass) =>
        dataClass is DataClass.Health or DataClass.Cardholder or DataClass.Secret;

    internal static void Read(ManifestSection section, FieldDraft field, ManifestFaults faults)
    {
        var asked = section.Flag("sealed");
        var isAlways = IsAlwaysSealed(field.Class);
        if (isAlways && asked == false)
        {
            faults.Add(
                section.Value("sealed")!,
                MustBeSealed,
                $"A field of class {ManifestWords<DataClass>.WordOf(field.Class)} is always sealed: leave 'sealed' out.");
        }

        if (field.Type == FieldType.Reference && (isAlways || asked == true))
        {
            faults.Add(
                section.Key(isAlways ? "class" : "sealed")!,
                NotSealable,
                "A reference is a link that the database follows, and cannot be sealed: seal what the record says instead.");
        }

        field.IsSealed = field.Type != FieldType.Reference && (isAlways || asked == true);
        if (section.Word("search", Searches) is not null)
        {
            ReadSearch(section, field, faults);
        }
    }

    private static void ReadSearch(ManifestSection section, FieldDraft field, ManifestFaults faults)
    {
        var key = section.Key("search")!;
        if (!field.IsSealed)
        {
            faults.Add(key, SearchNotNeeded, "The field is not sealed, so it can be searched anyway: leave 'search' out.");
        }
        else if (LowEntropy(field) is { } reason)
        {
            faults.Add(
                key,
                ManifestFaultCode.LowEntropy,
                $"{reason}: who sees how often each index occurs can tell which value is which. Leave 'search' out.");
        }
        else
        {
            field.Search = key;
        }
    }

    /// <summary>Why a blind index would tell the values; null when it does not by its type alone.</summary>
    internal static string? LowEntropy(FieldDraft field) => field.Type switch
    {
        FieldType.Boolean => "A boolean has two values",
        FieldType.Enum => "An enum has few values",
        FieldType.Date => "There are few dates in a life",
        FieldType.Timestamp => "Times of events are easily guessed",
        FieldType.Decimal => "Sums and measures cluster",
        FieldType.Json => "JSON is not compared as a whole",
        FieldType.Integer when field is not { Min: null } and not { Max: null } && field.Max - field.Min < MinIntegers =>
            "An integer of a narrow range has few values",
        FieldType.Text when field.MaxLength < MinTextLength => $"A text of less than {MinTextLength} characters has few values",
        _ => null,
    };
}

/// <summary>How a sealed field may be searched.</summary>
internal enum SealedSearch
{
    /// <summary>For equality, by a blind index.</summary>
    Equality,
}
