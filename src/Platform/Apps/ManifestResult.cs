using System.Collections.Immutable;

namespace Bulkhead.Platform.Apps;

/// <summary>One fault of a manifest.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in UTF-16 units.</param>
/// <param name="Code">Stable, kebab-case: one of <see cref="ManifestFaultCode"/>.</param>
/// <param name="Message">What is wrong and what to do, for a person.</param>
public sealed record ManifestFault(int Line, int Column, string Code, string Message);

/// <summary>A model, or every fault that was found; never both.</summary>
public sealed record ManifestResult(AppModel? Model, ImmutableArray<ManifestFault> Faults);

/// <summary>The codes of manifest faults. They are part of the API: a code is never renamed.</summary>
public static class ManifestFaultCode
{
    public const string InvalidYaml = "invalid-yaml";
    public const string TooLarge = "too-large";
    public const string TooDeep = "too-deep";
    public const string AliasRefused = "alias-refused";
    public const string TagRefused = "tag-refused";
    public const string SeveralDocuments = "several-documents";
    public const string DuplicateKey = "duplicate-key";
    public const string UnknownKey = "unknown-key";
    public const string MissingKey = "missing-key";
    public const string WrongType = "wrong-type";
    public const string InvalidCharacter = "invalid-character";
    public const string InvalidName = "invalid-name";
    public const string ReservedName = "reserved-name";
    public const string DuplicateName = "duplicate-name";
    public const string UnknownWord = "unknown-word";
    public const string TooLong = "too-long";
    public const string TooMany = "too-many";
    public const string OutOfRange = "out-of-range";
    public const string EmptyRange = "empty-range";
    public const string KeyNotForType = "key-not-for-type";
    public const string InvalidDefault = "invalid-default";
    public const string UnknownEntity = "unknown-entity";
    public const string UnknownField = "unknown-field";
    public const string UnknownMask = "unknown-mask";
    public const string MaskMismatch = "mask-mismatch";
    public const string InvalidSubject = "invalid-subject";
    public const string InverseClash = "inverse-clash";
    public const string ColumnClash = "column-clash";
    public const string CascadeCycle = "cascade-cycle";
    public const string RequiredCycle = "required-cycle";
    public const string SetNullOnRequired = "set-null-on-required";
    public const string NotIndexable = "not-indexable";
    public const string IndexTooWide = "index-too-wide";
    public const string DuplicateIndex = "duplicate-index";
    public const string CreateWithoutRequired = "create-without-required";
    public const string MustBeSealed = "must-be-sealed";
    public const string NotSealable = "not-sealable";
    public const string LowEntropy = "low-entropy";
    public const string SearchNotNeeded = "search-not-needed";
    public const string MoreFaults = "more-faults";
}
