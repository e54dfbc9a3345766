using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>An envelope opens where it was sealed and nowhere else; an index says nothing outside of its field.</summary>
public sealed class RecordKeysTests : IDisposable
{
    private static readonly Guid Row = Guid.Parse("018f0000-0000-7000-8000-000000000001");
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(64);

    private readonly TenantId _tenant = TenantId.New();
    private readonly SecretKey _first = SecretKey.Random();
    private readonly SecretKey _index = SecretKey.Random();
    private readonly SubjectKeys _subjects;

    public RecordKeysTests() => _subjects = new(_tenant, 1, new Dictionary<int, SecretKey> { [1] = _index });

    public void Dispose()
    {
        _subjects.Dispose();
        _first.Dispose();
        _index.Dispose();
    }

    [Fact]
    public void Open_what_was_sealed_and_nothing_of_which_a_byte_was_changed()
    {
        var keys = Keys();
        var envelope = keys.Seal("health", Row, Content);
        Assert.Equal(Content, Open(keys, "health", Row, envelope));
        for (var place = 0; place < envelope.Length; place++)
        {
            var changed = (byte[])envelope.Clone();
            changed[place] ^= 0x40;
            // An epoch that is not there may be one that this process does not know yet.
            Refused(place is >= 2 and <= 5 ? TenantFaultKind.KeysUnavailable : TenantFaultKind.RecordDamaged, keys, "health", Row, changed);
        }
    }

    [Fact]
    public void Refuse_every_other_word_for_format_and_algorithm()
    {
        var keys = Keys();
        var envelope = keys.Seal("health", Row, Content);
        var answer = keys.Seal("answer", "a kept answer"u8, Content);
        for (var value = 0; value < 512; value++)
        {
            var (ofRecord, ofAnswer) = ((byte[])envelope.Clone(), (byte[])answer.Clone());
            ofRecord[value / 256] = ofAnswer[value / 256] = (byte)value;
            if (!ofRecord.SequenceEqual(envelope))
            {
                Refused(TenantFaultKind.RecordDamaged, keys, "health", Row, ofRecord);
                Refused(TenantFaultKind.RecordDamaged, keys, "answer", "a kept answer"u8.ToArray(), ofAnswer);
            }
        }
    }

    [Fact]
    public void Refuse_every_cut_and_every_growth()
    {
        var keys = Keys();
        var envelope = keys.Seal("health", Row, Content);
        for (var length = 0; length < envelope.Length; length++)
        {
            Refused(TenantFaultKind.RecordDamaged, keys, "health", Row, envelope[..length]);
        }

        Refused(TenantFaultKind.RecordDamaged, keys, "health", Row, [.. envelope, 0]);
        Refused(TenantFaultKind.RecordDamaged, keys, "health", Row, [.. envelope, .. new byte[70_000]]);
    }

    [Fact]
    public void An_envelope_is_bound_to_its_record() =>
        Refused(TenantFaultKind.RecordDamaged, Keys(), "health", Guid.CreateVersion7(), Keys().Seal("health", Row, Content));

    [Fact]
    public void An_envelope_is_bound_to_its_data_class() =>
        Refused(TenantFaultKind.RecordDamaged, Keys(), "secret", Row, Keys().Seal("health", Row, Content));

    // The same key under another name does not happen by itself: here it stands for a mix-up of keys, which the binding must survive.
    [Fact]
    public void An_envelope_is_bound_to_its_tenant_even_under_the_same_key() =>
        Refused(TenantFaultKind.RecordDamaged, Keys(tenant: TenantId.New()), "health", Row, Keys().Seal("health", Row, Content));

    [Fact]
    public void An_envelope_is_bound_to_its_entity() =>
        Refused(TenantFaultKind.RecordDamaged, Keys(entity: "visit"), "health", Row, Keys().Seal("health", Row, Content));

    [Fact]
    public void An_envelope_is_bound_to_its_epoch_even_where_two_epochs_share_a_key()
    {
        var keys = new RecordKeys(_tenant, "person", 1, [new(1, _first), new(2, _first)], [(1, _index)], _subjects);
        var envelope = keys.Seal("health", Row, Content);
        envelope[5] = 2;
        Refused(TenantFaultKind.RecordDamaged, keys, "health", Row, envelope);
    }

    /// <summary>Written down here a second time: who changes the format, or leaves a part of the binding out, is told.</summary>
    [Fact]
    public void The_bytes_are_those_of_the_documented_format()
    {
        var envelope = Keys().Seal("health", Row, Content);
        Assert.Equal([1, 1, 0, 0, 0, 1], envelope[..6]);
        byte[] associated =
        [
            0, 0, 0, 3, .. "row"u8, 0, 0, 0, 16, .. _tenant.Value.ToByteArray(bigEndian: true), 0, 0, 0, 6, .. "person"u8,
            0, 0, 0, 6, .. "health"u8, 0, 0, 0, 1, .. Row.ToByteArray(bigEndian: true),
        ];
        using var key = _first.Derive("entity", "person");
        using var cipher = new Xaes(key.Bytes);
        var content = new byte[Content.Length];
        Assert.True(cipher.TryOpen(envelope.AsSpan(6, 24), envelope.AsSpan(30), associated, content));
        Assert.Equal(Content, content);
    }

    [Fact]
    public void A_binding_is_not_mistaken_for_the_end_of_another_class()
    {
        var keys = Keys();
        Refused(TenantFaultKind.RecordDamaged, keys, "healthx", "ab"u8.ToArray(), keys.Seal("health", "xab"u8, Content));
        Refused(TenantFaultKind.RecordDamaged, keys, "health", [], keys.Seal("health", new byte[1], Content));
        Assert.Throws<ArgumentException>(() => keys.Seal("health", new byte[1025], Content));
        Assert.Equal(Content, Open(keys, "health", new byte[1024], keys.Seal("health", new byte[1024], Content)));
    }

    [Fact]
    public void Older_epochs_open_and_the_current_one_seals()
    {
        using var second = SecretKey.Random();
        var old = Keys().Seal("health", Row, Content);
        var keys = new RecordKeys(_tenant, "person", 2, [new(1, _first), new(2, second)], [(1, _index)], _subjects);
        Assert.Equal(Content, Open(keys, "health", Row, old));
        Assert.Equal(2, RecordKeys.EpochOf(keys.Seal("health", Row, Content)));
        Assert.Equal(1, RecordKeys.EpochOf(old));
    }

    [Fact]
    public void Two_sealings_of_one_content_share_no_bytes_after_the_epoch()
    {
        var (a, b) = (Keys().Seal("health", Row, Content), Keys().Seal("health", Row, Content));
        Assert.False(a.AsSpan(6, 24).SequenceEqual(b.AsSpan(6, 24)));
        Assert.False(a.AsSpan(30).SequenceEqual(b.AsSpan(30)));
        Assert.Equal(-1, a.AsSpan().IndexOf(Content.AsSpan(0, 8)));
    }

    [Fact]
    public void An_index_is_of_its_field_entity_tenant_and_key_and_starts_with_the_version()
    {
        using var other = SecretKey.Random();
        var value = "0:the same"u8;
        var indexes = new[]
        {
            Keys().Index("ssn", value, RecordKeys.UniqueLength),
            Keys().Index("card", value, RecordKeys.UniqueLength),
            Keys(entity: "visit").Index("ssn", value, RecordKeys.UniqueLength),
            new RecordKeys(_tenant, "person", 1, [new(1, _first)], [(1, other)], _subjects).Index("ssn", value, RecordKeys.UniqueLength),
            Keys().Index("ssn", "0:another"u8, RecordKeys.UniqueLength),
        };
        Assert.Equal(indexes.Length, indexes.Select(Convert.ToHexString).Distinct().Count());
        Assert.All(indexes, index => Assert.Equal(RecordKeys.UniqueLength, index.Length));
        Assert.All(indexes, index => Assert.Equal(1, index[0]));
        Assert.Equal(indexes[0], Keys().Index("ssn", value, RecordKeys.UniqueLength));
        Assert.Equal(RecordKeys.SearchLength, Keys().Index("ssn", value, RecordKeys.SearchLength).Length);

        var two = new RecordKeys(_tenant, "person", 1, [new(1, _first)], [(2, other), (1, _index)], _subjects);
        Assert.Equal(2, two.IndexVersion);
        Assert.Equal([2, 1], two.Indexes("ssn", value, RecordKeys.UniqueLength).Select(index => (int)index[0]));
        Assert.Contains(two.Indexes("ssn", value, RecordKeys.UniqueLength), index => index.SequenceEqual(indexes[0]));
    }

    [Fact]
    public async Task Eight_threads_seal_and_open_with_one_set_of_keys()
    {
        var keys = Keys();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                var row = Guid.CreateVersion7();
                var content = BitConverter.GetBytes(i);
                Assert.Equal(content, Open(keys, "health", row, keys.Seal("health", row, content)));
            }
        })));
    }

    private RecordKeys Keys(TenantId? tenant = null, string entity = "person") =>
        new(tenant ?? _tenant, entity, 1, [new(1, _first)], [(1, _index)], _subjects);

    private static byte[] Open(RecordKeys keys, string dataClass, Guid row, byte[] envelope)
    {
        var content = new byte[RecordKeys.ContentLength(envelope)];
        keys.Open(dataClass, row, envelope, content);
        return content;
    }

    private static byte[] Open(RecordKeys keys, string dataClass, byte[] binding, byte[] envelope)
    {
        var content = new byte[RecordKeys.ContentLength(envelope)];
        keys.Open(dataClass, binding, envelope, content);
        return content;
    }

    private static void Refused(TenantFaultKind kind, RecordKeys keys, string dataClass, Guid row, byte[] envelope)
    {
        var content = new byte[RecordKeys.ContentLength(envelope)];
        Assert.Equal(kind, Assert.Throws<TenantFault>(() => keys.Open(dataClass, row, envelope, content)).Kind);
        Assert.All(content, b => Assert.Equal(0, b));
    }

    private static void Refused(TenantFaultKind kind, RecordKeys keys, string dataClass, byte[] binding, byte[] envelope) =>
        Assert.Equal(kind, Assert.Throws<TenantFault>(() => Open(keys, dataClass, binding, envelope)).Kind);
}
