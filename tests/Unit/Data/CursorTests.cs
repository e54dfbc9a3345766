using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class CursorTests
{
    private const string Base = "?city=Boston&sort=-birthDate&fields=id,city";

    [Theory]
    [InlineData("?city=Cambridge&sort=-birthDate&fields=id,city")]
    [InlineData("?city.ne=Boston&sort=-birthDate&fields=id,city")]
    [InlineData("?sort=-birthDate&fields=id,city")]
    [InlineData("?city=Boston&sort=birthDate&fields=id,city")]
    [InlineData("?city=Boston&sort=-birthDate,lastName&fields=id,city")]
    [InlineData("?city=Boston&sort=-birthDate&fields=id")]
    [InlineData("?city=Boston&sort=-birthDate")]
    [InlineData("?city.in=Boston&sort=-birthDate&fields=id,city")]
    public void Bind_a_cursor_to_the_query(string other) =>
        Assert.NotEqual(Cursor.Binding(Call(), Query(Base)), Cursor.Binding(Call(), Query(other)));

    [Fact]
    public void Bind_a_cursor_to_actor_and_roles()
    {
        var binding = Cursor.Binding(Call(), Query(Base));
        Assert.NotEqual(binding,
            Cursor.Binding(Call(new Actor(ActorKind.Service, "client-b", ["clinician"])), Query(Base)));
        Assert.NotEqual(binding,
            Cursor.Binding(Call(new Actor(ActorKind.Service, "client-a", ["auditor"])), Query(Base)));
        Assert.NotEqual(binding,
            Cursor.Binding(Call(new Actor(ActorKind.User, "client-a", ["clinician"])), Query(Base)));
    }

    [Fact]
    public void Let_the_size_of_the_page_change() =>
        Assert.Equal(Cursor.Binding(Call(), Query(Base)), Cursor.Binding(Call(), Query(Base + "&limit=3")));
}
