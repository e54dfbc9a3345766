using System.Buffers.Binary;
using Bulkhead.Kernel.Isolation;

namespace Bulkhead.Kernel.Keys;

/// <summary>Which keys a column was made under, as a condition: the database need not hand out what is up to date.</summary>
internal static class SealedColumn
{
    /// <summary>Null when the column is.</summary>
    public static Sql IsOfOlderEpoch(SqlName envelope, RecordKeys keys)
    {
        // Big endian, so that bytes are in the order of the numbers; the place is that of RecordKeys.EpochOf.
        var epoch = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(epoch, keys.Epoch);
        return Sql.Of($"substring({envelope} from 3 for 4) < {SqlValue.Bytes(epoch)}");
    }

    /// <summary>Null when the column is.</summary>
    public static Sql IsOfOtherIndexKey(SqlName index, RecordKeys keys) =>
        Sql.Of($"get_byte({index}, 0) <> {SqlValue.Integer((byte)keys.IndexVersion)}");
}
