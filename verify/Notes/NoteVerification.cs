namespace Bulkhead.Verify.Notes;

/// <summary>A checkpoint that a trusted key signed, and with what beside Ed25519.</summary>
internal sealed record SignedCheckpoint(Checkpoint Checkpoint, SignedNote Note, bool HasMLDsa, bool MLDsaNotChecked);

internal static class NoteVerification
{
    /// <summary>
    /// Null, and why, unless one Ed25519 key of the origin signed it and no trusted key's signature fails. Unknown signatures are skipped, as
    /// signed-note demands: that is how keys change and witnesses are added.
    /// </summary>
    public static SignedCheckpoint? Verify(string text, string origin, IEnumerable<VerifierKey> keys, out string why)
    {
        if (SignedNote.TryParse(text, out why) is not { } note || Checkpoint.TryParse(note, out why) is not { } checkpoint)
        {
            return null;
        }

        if (!checkpoint.Origin.Equals(origin, StringComparison.Ordinal))
        {
            why = $"it is of another log: {checkpoint.Origin}";
            return null;
        }

        var (classical, postQuantum, notChecked) = (false, false, false);
        foreach (var key in keys.Where(k => k.Name.Equals(origin, StringComparison.Ordinal) && k.Type != KeyType.Ed25519Cosignature))
        {
            foreach (var line in note.Signatures.Where(s => s.IsOf(key)))
            {
                var verdict = key.Verify(checkpoint, line.Signature, out _);
                if (verdict == Verdict.Invalid)
                {
                    why = $"the {key.Algorithm} signature of {key.Name} is not valid";
                    return null;
                }

                classical |= key.Type == KeyType.Ed25519;
                postQuantum |= key.Type == KeyType.MLDsa44Cosignature && verdict == Verdict.Valid;
                notChecked |= verdict == Verdict.NotChecked;
            }
        }

        why = $"it bears no Ed25519 signature of a trusted key of {origin}";
        return classical ? new(checkpoint, note, postQuantum, notChecked) : null;
    }
}
