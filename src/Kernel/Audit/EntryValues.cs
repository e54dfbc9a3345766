using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// Values of one entry, salted in the manner of RFC 9901: their digests stand in the entry, and salts and values in an envelope beside it,
/// under the tenant's keys and that of the person, where the record is about one who has a key (docs/formats/audit-log.md).
/// </summary>
internal sealed class EntryValues
{
    /// <summary>Names the keys of disclosures, as an entity's name does those of its rows; no entity can be called so.</summary>
    public const string KeyName = "(audit disclosure)";

    private const string DataClass = "secret";
    private const int SaltLength = 16;

    private readonly ChangedValues _values;
    private readonly byte[] _salts;

    private EntryValues(ChangedValues values)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(values.Fields.Length, ChangedValues.Most, nameof(values));
        _values = values;
        _salts = RandomNumberGenerator.GetBytes(SaltLength * values.Fields.Length);
        Digests = new string[values.Fields.Length];
        for (var i = 0; i < Digests.Length; i++)
        {
            Digests[i] = DigestOf(Text(Salt(i), values.Fields[i]));
        }

        Array.Sort(Digests, StringComparer.Ordinal);
    }

    /// <summary>In the order of their bytes, which tells nothing of the order of the fields.</summary>
    public string[] Digests { get; }

    public Guid? Subject => _values.Subject;

    public static RewriteTable Disclosures { get; } =
        new(SqlName.Of("audit_disclosure"), KeyName, [new("disclosure", ColumnType.Text, DataClass, null, 0)], HasSubject: true)
        {
            InCore = true,
        };

    public static EntryValues Of(ChangedValues values) => new(values);

    public byte[] Seal(Guid entry, RecordKeys keys)
    {
        var content = new SealedContentWriter();
        for (var i = 0; i < _values.Fields.Length; i++)
        {
            var (field, before, after) = _values.Fields[i];
            var (first, second) = (Encoding.UTF8.GetBytes(before ?? "null"), Encoding.UTF8.GetBytes(after ?? "null"));
            var value = new byte[SaltLength + sizeof(int) + first.Length + second.Length];
            Salt(i).CopyTo(value);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(SaltLength), first.Length);
            first.CopyTo(value, SaltLength + sizeof(int));
            second.CopyTo(value, SaltLength + sizeof(int) + first.Length);
            content.Add(Encoding.UTF8.GetBytes(field), ColumnType.Text, value);
            CryptographicOperations.ZeroMemory(value);
        }

        var envelope = keys.Seal(DataClass, entry, content.Finish(), _values.SubjectKey);
        content.Clear();
        CryptographicOperations.ZeroMemory(_salts);
        return envelope;
    }

    /// <param name="stored">An envelope, with the wrapped key of its person before it where there is one.</param>
    /// <returns>Null when the person's key is gone: what discloses the values went with it.</returns>
    /// <exception cref="TenantFault">As of <see cref="RecordKeys.Open(string, Guid, ReadOnlySpan{byte}, Span{byte}, bool)"/>.</exception>
    public static List<Disclosure>? Open(RecordKeys keys, Guid entry, ReadOnlySpan<byte> stored, bool isOfPerson)
    {
        var content = new byte[RecordKeys.ContentLength(stored)];
        if (!keys.Open(DataClass, entry, stored, content, isOfPerson))
        {
            return null;
        }

        var disclosures = new List<Disclosure>();
        var fields = new SealedContent(content);
        while (fields.Read())
        {
            var value = fields.Value;
            var values = value[(SaltLength + sizeof(int))..];
            var length = BinaryPrimitives.ReadInt32BigEndian(value[SaltLength..]);
            var changed = new ChangedValue(
                Encoding.UTF8.GetString(fields.Name), Encoding.UTF8.GetString(values[..length]), Encoding.UTF8.GetString(values[length..]));
            var text = Text(value[..SaltLength], changed);
            disclosures.Add(new(changed.Field, changed.Before!, changed.After!, text, DigestOf(text)));
        }

        CryptographicOperations.ZeroMemory(content);
        return disclosures;
    }

    private static string Text(ReadOnlySpan<byte> salt, ChangedValue value)
    {
        var json = new StringBuilder("[\"", 64).Append(Base64Url.EncodeToString(salt)).Append("\",").AppendString(value.Field)
            .Append(',').Append(value.Before ?? "null").Append(',').Append(value.After ?? "null").Append(']');
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToString()));
    }

    private static string DigestOf(string disclosure) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(disclosure)));

    private ReadOnlySpan<byte> Salt(int place) => _salts.AsSpan(place * SaltLength, SaltLength);
}
