using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>What goes into an envelope comes out of it; what never went in is refused in one way only.</summary>
public sealed class SealedContentTests
{
    private static readonly Gen<byte> AnyByte = Gen.Choose(0, 255).Select(b => (byte)b);

    private static readonly Gen<byte[]> AnyName =
        Gen.Choose(1, 255).SelectMany(length => AnyByte.ArrayOf(length));

    // Around the edges of the length's coding (7 bits a byte), of the padding and of the first buffer.
    private static readonly Gen<int> AnyLength = Gen.OneOf(
        Gen.Choose(0, 70),
        Gen.Elements(0, 1, 31, 32, 33, 127, 128, 129, 505, 511, 512, 513, 16_383, 16_384, 16_385));

    private static readonly Gen<Entry> AnyEntry =
        from name in AnyName
        from type in Gen.Elements(Enum.GetValues<ColumnType>())
        from length in AnyLength
        from value in AnyByte.ArrayOf(length)
        select new Entry(name, type, value);

    [Fact]
    public void Read_back_what_was_written_whatever_names_types_and_values_are() =>
        Prop.ForAll(AnyEntry.ListOf().ToArbitrary(), entries =>
        {
            var writer = new SealedContentWriter();
            // Used before: nothing of the last row may be in this one.
            writer.Add("left"u8, ColumnType.Text, new byte[700]);
            writer.Finish();
            writer.Clear();
            foreach (var entry in entries)
            {
                writer.Add(entry.Name, entry.Type, entry.Value);
            }

            Same(entries, writer.Finish().ToArray());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Read_back_texts_and_numbers_of_every_size()
    {
        var texts = Gen.OneOf(
            ArbMap.Default.GeneratorFor<NonNull<string>>().Select(t => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(t.Get))),
            Gen.Choose(0, 3000).Select(length => new string('\u20AC', length)));
        Prop.ForAll(texts.ToArbitrary(), ArbMap.Default.ArbFor<long>(), ArbMap.Default.ArbFor<int>(), (text, wide, narrow) =>
        {
            var writer = new SealedContentWriter();
            writer.AddText("text"u8, ColumnType.Text, text);
            writer.AddNumber("wide"u8, ColumnType.Integer, wide);
            writer.AddNumber("narrow"u8, ColumnType.Date, narrow);
            var content = new SealedContent(writer.Finish());
            Assert.True(content.Read());
            Assert.Equal(text, Encoding.UTF8.GetString(content.Value));
            Assert.True(content.Read());
            Assert.Equal(wide, global::System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(content.Value));
            Assert.True(content.Read());
            Assert.Equal(narrow, global::System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(content.Value));
            Assert.False(content.Read());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Texts_whose_lengths_differ_by_a_few_characters_have_envelopes_of_one_length()
    {
        var lengths = Enumerable.Range(0, 20).Select(length =>
        {
            var writer = new SealedContentWriter();
            writer.AddText("diagnosis"u8, ColumnType.Text, new string('x', length));
            return writer.Finish().Length;
        });
        Assert.Equal(32, Assert.Single(lengths.Distinct()));
        Assert.Equal(32, new SealedContentWriter().Finish().Length);
        Assert.All(new SealedContentWriter().Finish().ToArray(), filler => Assert.Equal(0, filler));
    }

    [Fact]
    public void Refuse_names_that_cannot_be_told_from_filling_or_have_no_length()
    {
        Assert.Throws<ArgumentException>(() => new SealedContentWriter().Add(default, ColumnType.Text, "x"u8));
        Assert.Throws<ArgumentException>(() => new SealedContentWriter().Add(new byte[256], ColumnType.Text, "x"u8));
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_as_damage_and_nothing_else()
    {
        var tail = AnyByte.ArrayOf(12);
        var crafted = from name in Gen.Choose(0, 255)
                      from more in AnyByte.ArrayOf()
                      from end in tail
                      select (byte[])[(byte)name, .. more, .. end];
        var overlong = from name in AnyName
                       from length in Gen.Elements<byte[]>(
                           [0x80], [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
                           [0x80, 0x80, 0x80, 0x80, 0x08], [0xFF, 0xFF, 0xFF, 0xFF, 0x07], [])
                       from rest in AnyByte.ArrayOf()
                       select (byte[])[(byte)name.Length, .. name, 3, .. length, .. rest];
        var damaged = 0;
        Prop.ForAll(Gen.OneOf(AnyByte.ArrayOf(), crafted, overlong).ToArbitrary(), bytes =>
        {
            try
            {
                var content = new SealedContent(bytes);
                while (content.Read())
                {
                    Assert.InRange(content.Start + content.Value.Length, 0, bytes.Length);
                    Assert.True(bytes.AsSpan(content.Start, content.Value.Length).SequenceEqual(content.Value));
                }
            }
            catch (TenantFault fault)
            {
                Assert.Equal(TenantFaultKind.RecordDamaged, fault.Kind);
                damaged++;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20_000));
        Assert.NotEqual(0, damaged);
    }

    [Fact]
    public void Every_cut_of_a_content_is_read_to_its_end_or_refused_as_damage()
    {
        var writer = new SealedContentWriter();
        writer.AddText("first"u8, ColumnType.Text, new string('a', 200));
        writer.AddNumber("second"u8, ColumnType.Integer, 7L);
        var whole = writer.Finish().ToArray();
        for (var cut = 0; cut < whole.Length; cut++)
        {
            try
            {
                var content = new SealedContent(whole.AsSpan(0, cut));
                while (content.Read())
                {
                }
            }
            catch (TenantFault fault)
            {
                Assert.Equal(TenantFaultKind.RecordDamaged, fault.Kind);
            }
        }
    }

    private static void Same(IEnumerable<Entry> written, byte[] bytes)
    {
        Assert.Equal(0, bytes.Length % 32);
        var content = new SealedContent(bytes);
        foreach (var entry in written)
        {
            Assert.True(content.Read());
            Assert.True(content.Name.SequenceEqual(entry.Name));
            Assert.Equal(entry.Type, content.Type);
            Assert.True(content.Value.SequenceEqual(entry.Value));
            Assert.True(bytes.AsSpan(content.Start, entry.Value.Length).SequenceEqual(entry.Value));
        }

        Assert.False(content.Read());
    }

    private sealed record Entry(byte[] Name, ColumnType Type, byte[] Value);
}
