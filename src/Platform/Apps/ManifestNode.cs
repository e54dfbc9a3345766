using System.Collections.Immutable;

namespace Bulkhead.Platform.Apps;

/// <summary>A node of a manifest and where it begins, both from 1.</summary>
internal abstract record ManifestNode(int Line, int Column)
{
    /// <summary>What a person would call it in a message.</summary>
    internal abstract string Kind { get; }
}

/// <param name="Plain">Written without quotes, so that YAML 1.2's core schema gives it a type.</param>
internal sealed record ScalarNode(int Line, int Column, string Value, bool Plain) : ManifestNode(Line, Column)
{
    internal bool IsNull => Plain && Value is "" or "~" or "null" or "Null" or "NULL";

    internal bool IsBoolean => Plain && Value is "true" or "True" or "TRUE" or "false" or "False" or "FALSE";

    /// <summary>
    /// Also the numbers that YAML knows and a manifest does not take (0x1F, .inf), so that text is never guessed.
    /// </summary>
    internal bool IsNumber => Plain && ManifestText.LooksLikeNumber(Value);

    internal override string Kind =>
        IsNull ? "nothing" : IsBoolean ? "true or false" : IsNumber ? "a number" : "text";
}

internal sealed record SequenceNode(int Line, int Column, ImmutableArray<ManifestNode> Items)
    : ManifestNode(Line, Column)
{
    internal override string Kind => "a list";
}

internal sealed record MappingNode(int Line, int Column, ImmutableArray<MappingEntry> Entries)
    : ManifestNode(Line, Column)
{
    internal override string Kind => "a mapping";
}

internal readonly record struct MappingEntry(ScalarNode Key, ManifestNode Value);
