using System.Security.Cryptography;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.Keys;

/// <summary>What is sealed about a person opens with the person's key and without it never.</summary>
public sealed class SubjectKeysTests : IDisposable
{
    private static readonly Guid Row = Guid.Parse("018f0000-0000-7000-8000-000000000001");
    private static readonly Guid Person = Guid.Parse("018f0000-0000-7000-8000-00000000000a");
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(64);

    private readonly TenantId _tenant = TenantId.New();
    private readonly SecretKey _data = SecretKey.Random();
    private readonly SecretKey _subject = SecretKey.Random();
    private readonly SecretKey _next = SecretKey.Random();

    public void Dispose()
    {
        _data.Dispose();
        _subject.Dispose();
        _next.Dispose();
    }

    [Fact]
    public void Open_with_the_key_of_the_person_and_with_no_other()
    {
        var keys = Keys(_tenant, 1);
        var (one, other) = (keys.NewSubjectKey(Person), keys.NewSubjectKey(Guid.NewGuid()));
        var envelope = keys.Seal("health", Row, Content, one);
        Assert.Equal(Content, Open(keys, [.. one, .. envelope]));
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => Open(keys, [.. other, .. envelope])).Kind);
        // A second key for the same person does not open what the first sealed.
        var again = keys.NewSubjectKey(Person);
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => Open(keys, [.. again, .. envelope])).Kind);
        Assert.Equal(Content, Open(keys, [.. one, .. envelope]));
    }

    [Fact]
    public void Without_the_key_nothing_opens_and_it_is_no_damage()
    {
        var keys = Keys(_tenant, 1);
        var one = keys.NewSubjectKey(Person);
        var envelope = keys.Seal("health", Row, Content, one);
        Assert.Equal(Content, Open(keys, [.. one, .. envelope]));
        Assert.False(keys.Open("health", Row, envelope, new byte[Content.Length], isOfPerson: true));
        // Where no person has a key, it is.
        Assert.Equal(
            TenantFaultKind.RecordDamaged,
            Assert.Throws<TenantFault>(() => keys.Open("health", Row, envelope, new byte[Content.Length])).Kind);
    }

    [Fact]
    public void Both_the_data_key_and_the_key_of_the_person_are_needed()
    {
        var keys = Keys(_tenant, 1);
        var one = keys.NewSubjectKey(Person);
        var envelope = keys.Seal("health", Row, Content, one);
        using var anotherDataKey = SecretKey.Random();
        var others = Keys(_tenant, 1, anotherDataKey);
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => Open(others, [.. one, .. envelope])).Kind);
        // The same envelope said to need no person is damaged.
        envelope[1] = 1;
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => Open(keys, envelope)).Kind);
    }

    [Fact]
    public void Refuse_a_wrapped_key_of_which_any_byte_was_changed()
    {
        var keys = Keys(_tenant, 1);
        var one = keys.NewSubjectKey(Person);
        var envelope = keys.Seal("health", Row, Content, one);
        for (var place = 0; place < one.Length; place++)
        {
            var changed = (byte[])one.Clone();
            changed[place] ^= 0x40;
            // The first byte says that it is one: without, there is none, and the whole is no envelope.
            var fault = Assert.Throws<TenantFault>(() => Open(Keys(_tenant, 1), [.. changed, .. envelope]));
            Assert.Equal(place is >= 1 and <= 4 ? TenantFaultKind.KeysUnavailable : TenantFaultKind.RecordDamaged, fault.Kind);
        }
    }

    [Fact]
    public void Another_tenant_does_not_open_it_though_it_had_the_same_keys()
    {
        var keys = Keys(_tenant, 1);
        var one = keys.NewSubjectKey(Person);
        var fault = Assert.Throws<TenantFault>(() => Keys(TenantId.New(), 1).Seal("health", Row, Content, one));
        Assert.Equal(TenantFaultKind.RecordDamaged, fault.Kind);
    }

    [Fact]
    public void Wrapped_anew_it_is_the_same_key_and_the_older_version_can_be_forgotten()
    {
        var older = Keys(_tenant, 1);
        var one = older.NewSubjectKey(Person);
        var envelope = older.Seal("health", Row, Content, one);
        using var both = Subjects(_tenant, 2, (1, _subject), (2, _next));
        using var key = both.Unwrap(one);
        var anew = both.Wrap(Person, key);
        using var only = Subjects(_tenant, 2, (2, _next));
        var keys = new RecordKeys(_tenant, "person", 1, [new(1, _data)], [(1, _data)], only);
        Assert.Equal(Content, Open(keys, [.. anew, .. envelope]));
        Assert.Equal(TenantFaultKind.KeysUnavailable, Assert.Throws<TenantFault>(() => Open(keys, [.. one, .. envelope])).Kind);
    }

    [Fact]
    public void Is_never_wrapped_anew_as_the_key_of_another_person()
    {
        // Who owns the database may copy a wrapped key into the row of another person, from where it would survive its own's erasure.
        var one = Keys(_tenant, 1).NewSubjectKey(Person);
        using var both = Subjects(_tenant, 2, (1, _subject), (2, _next));
        var (other, none) = (Guid.CreateVersion7(), Array.Empty<byte>());
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => both.WrapAnew(other, one)).Kind);
        Assert.Equal(TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => both.WrapAnew(Person, none)).Kind);
        Assert.True(SubjectKey.IsOf(Person, both.WrapAnew(Person, one)));
    }

    [Fact]
    public void Nothing_is_written_about_a_person_under_the_key_of_another()
    {
        var one = Keys(_tenant, 1).NewSubjectKey(Person);
        Assert.Equal(
            TenantFaultKind.RecordDamaged, Assert.Throws<TenantFault>(() => Platform.Data.Person.Of(Guid.CreateVersion7(), one)).Kind);
        Assert.Equal(one, Platform.Data.Person.Of(Person, one).Wrapped);
        Assert.True(Platform.Data.Person.Of(Person, []).IsErased);
    }

    private static byte[] Open(RecordKeys keys, byte[] stored)
    {
        var content = new byte[RecordKeys.ContentLength(stored)];
        Assert.True(keys.Open("health", Row, stored, content, isOfPerson: true));
        return content;
    }

    private RecordKeys Keys(TenantId tenant, int version, SecretKey? data = null) =>
        new(tenant, "person", 1, [new(1, data ?? _data)], [(1, _data)], Subjects(tenant, version, (1, _subject)));

    private static SubjectKeys Subjects(TenantId tenant, int version, params (int Version, SecretKey Key)[] keys) =>
        new(tenant, version, keys.ToDictionary(k => k.Version, k => k.Key));
}
