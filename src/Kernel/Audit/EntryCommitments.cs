using System.Buffers.Binary;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Proofs;
using Scalar = Bulkhead.Kernel.Proofs.Residue<Bulkhead.Kernel.Proofs.GroupOrder>;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// Commitments of one entry, made before the statement that finds its records: where those are counted, one for each number that there can
/// be, all under one blinding, of which the statement keeps the one. What opens it is sealed under the tenant's keys.
/// </summary>
internal sealed class EntryCommitments
{
    /// <summary>Names the keys of openings, as an entity's name does those of its rows; no entity can be called so.</summary>
    public const string KeyName = "(audit opening)";

    public const string DataClass = "secret";

    /// <summary>There is a text for each number of records.</summary>
    public const int OneForEach = -1;

    private const int ValueLength = sizeof(ulong);

    private EntryCommitments(string[] texts, long? records, byte[] opening)
    {
        Texts = texts;
        Records = records;
        Opening = opening;
    }

    /// <summary>Canonical JSON: one, or where records are counted, one for each number of them from 0.</summary>
    public string[] Texts { get; }

    /// <summary>
    /// <see cref="OneForEach"/>; or the number of records that the one is of, any other is refused; or null where it is of any.
    /// </summary>
    public long? Records { get; }

    public byte[] Opening { get; }

    public static RewriteTable Openings { get; } =
        new(SqlName.Of("audit_opening"), KeyName, [new("opening", ColumnType.Text, DataClass, null, 0)]) { InCore = true };

    public static EntryCommitments Of(AuditEvent audit, Guid entry, RecordKeys keys)
    {
        var ordered = audit.Numbers.OrderBy(number => number.Attribute, StringComparer.Ordinal).ToList();
        var counted = ordered.FindIndex(number => number.Value is null);
        var made = new byte[ordered.Count][][];
        var opening = new SealedContentWriter();
        Span<byte> known = stackalloc byte[Scalar.Length + ValueLength];
        for (var i = 0; i < ordered.Count; i++)
        {
            var number = ordered[i];
            var blinding = Pedersen.NewBlinding();
            blinding.Write(known);
            if (number.Value is { } value)
            {
                BinaryPrimitives.WriteUInt64BigEndian(known[Scalar.Length..], value);
                made[i] = [Pedersen.Commit(value, blinding)];
            }
            else
            {
                ArgumentOutOfRangeException.ThrowIfNotEqual(number.Most is >= 0 and <= CommittedNumber.MostRecords, true, nameof(audit));
                made[i] = Pedersen.CommitUpTo(number.Most, blinding);
            }

            opening.Add(
                Encoding.UTF8.GetBytes(number.Attribute), ColumnType.Text, number.Value is null ? known[..Scalar.Length] : known);
        }

        known.Clear();
        var envelope = keys.Seal(DataClass, entry, opening.Finish());
        opening.Clear();
        var texts = new string[counted < 0 ? 1 : made[counted].Length];
        var json = new StringBuilder(96);
        for (var n = 0; n < texts.Length; n++)
        {
            json.Clear().Append('{');
            for (var i = 0; i < ordered.Count; i++)
            {
                json.AppendMember(ordered[i].Attribute, Convert.ToBase64String(made[i][i == counted ? n : 0]));
            }

            texts[n] = json.Append('}').ToString();
        }

        return new(texts, counted >= 0 ? OneForEach : audit.ExactRecords, envelope);
    }

    /// <summary>What opens one: the blinding, and the value where the entry does not say it itself.</summary>
    public static bool TryOpen(
        RecordKeys keys, Guid entry, ReadOnlySpan<byte> envelope, string attribute, out Scalar blinding, out ulong? value)
    {
        (blinding, value) = (default, null);
        var content = new byte[RecordKeys.ContentLength(envelope)];
        if (!keys.Open(DataClass, entry, envelope, content))
        {
            return false;
        }

        var name = Encoding.UTF8.GetBytes(attribute);
        var fields = new SealedContent(content);
        var isFound = false;
        while (fields.Read())
        {
            if (fields.Name.SequenceEqual(name))
            {
                isFound = Scalar.TryRead(fields.Value[..Scalar.Length], out blinding);
                value = fields.Value.Length > Scalar.Length ? BinaryPrimitives.ReadUInt64BigEndian(fields.Value[Scalar.Length..]) : null;
            }
        }

        System.Security.Cryptography.CryptographicOperations.ZeroMemory(content);
        return isFound;
    }
}
