using System.Reflection;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.Unit.TrustedCore;

public sealed class SqlTests
{
    private static readonly Bulkhead.Kernel.Tenancy.Unit Home = new("u_00000000000000000000", IsolationKind.Shared, Guid.Empty, "cell");

    [Fact]
    public void Only_parts_names_values_slots_and_places_go_into_a_statement()
    {
        var accepted = typeof(SqlHandler).GetMethods()
            .Where(m => m.Name == "AppendFormatted")
            .Select(m => Assert.Single(m.GetParameters()).ParameterType)
            .OrderBy(t => t.Name, StringComparer.Ordinal);
        Assert.Equal([typeof(Place), typeof(Sql), typeof(SqlName), typeof(SqlSlot), typeof(SqlValue)], accepted);
        Assert.DoesNotContain(typeof(SqlHandler).GetMethods(), m => m.IsGenericMethod);
    }

    [Fact]
    public void No_public_way_leads_from_a_string_to_a_statement()
    {
        var ways = typeof(Sql).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(m => m.ReturnType == typeof(Sql) && m.GetParameters().Any(p => p.ParameterType == typeof(string)));
        // The separator of Join is a constant of our own source: the compiler sees to it (CA1857 is an error).
        Assert.Equal(["Join"], ways.Select(m => m.Name));
        Assert.NotNull(ways.Single().GetParameters()[0].GetCustomAttribute<System.Diagnostics.CodeAnalysis.ConstantExpectedAttribute>());
        Assert.NotNull(typeof(SqlHandler).GetMethod("AppendLiteral")!.GetParameters()[0]
            .GetCustomAttribute<System.Diagnostics.CodeAnalysis.ConstantExpectedAttribute>());
        Assert.Empty(typeof(Sql).GetConstructors());
        Assert.DoesNotContain(
            typeof(Sql).GetMethods(BindingFlags.Public | BindingFlags.Static), m => m.Name is "op_Implicit" or "op_Explicit");
        Assert.Empty(typeof(SqlName).GetConstructors());
    }

    [Fact]
    public void A_value_is_bound_and_never_text()
    {
        var sql = Sql.Of($"select 1 from {Place.App}.{SqlName.Of("patient")} where ssn = {SqlValue.Text("'; drop table x; --")} and id = {Place.Tenant}");
        var text = sql.Render(Home, SqlShape.Plain);
        Assert.Equal("select 1 from \"u_00000000000000000000\".\"patient\" where ssn = $1 and id = $2", text.Text);
        Assert.Equal(2, text.Bindings.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("A")]
    [InlineData("Patient")]
    [InlineData("1a")]
    [InlineData("a b")]
    [InlineData("a-b")]
    [InlineData("a.b")]
    [InlineData("a\"b")]
    [InlineData("a'b")]
    [InlineData("a;b")]
    [InlineData("a\n")]
    [InlineData("\na")]
    [InlineData("a\0")]
    [InlineData("naïve")]
    [InlineData("а")]
    [InlineData("a$")]
    [InlineData("a\u200b")]
    [InlineData(null)]
    public void Refuse_what_is_no_plain_name(string? word)
    {
        Assert.False(SqlName.IsValid(word));
        Assert.Throws<ArgumentException>(() => SqlName.Of(word!));
    }

    [Fact]
    public void Refuse_a_name_that_PostgreSQL_would_cut()
    {
        Assert.True(SqlName.IsValid(new string('a', 63)));
        Assert.False(SqlName.IsValid(new string('a', 64)));
    }

    [Fact]
    public void Refuse_every_character_but_lower_case_letters_digits_and_the_underscore()
    {
        for (var c = '\0'; c < char.MaxValue; c++)
        {
            var allowed = c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_';
            Assert.Equal(allowed, SqlName.IsValid("a" + c));
        }
    }
}
