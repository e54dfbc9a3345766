using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class ListSqlTests
{
    private static readonly FieldValue Id = FieldValue.Uuid(FieldType.Uuid, Guid.CreateVersion7());
    private static readonly FieldValue Born = FieldValue.Date(new DateOnly(1980, 1, 2));
    private static readonly FieldValue City = FieldValue.Text(FieldType.Text, "Boston");
    private static readonly FieldValue NoCity = FieldValue.Null(FieldType.Text);

    private static string Page(string query, params FieldValue[] after) =>
        Text(ListSql.Compile(Query(query), after.Length == 0 ? null : [.. after], null).Page);

    private static string After(string sort, params FieldValue[] keys)
    {
        var text = Page($"?fields=id&sort={sort}", keys);
        var start = text.IndexOf(" where ", StringComparison.Ordinal) + 7;
        return text[start..text.IndexOf(" order by ", StringComparison.Ordinal)];
    }

    [Fact]
    public void Write_values_as_parameters_only()
    {
        Assert.Equal(
            """
            select id, version, "city" from "u1"."patient" where "city" = $1 and "visits" = any($2) and "income" is null order by "birth_date" desc, "last_name", "id" limit $3
            """.Replace("select id, version, \"city\"", "select id, version, \"city\", \"birth_date\", \"last_name\"", StringComparison.Ordinal),
            Page("?fields=city&city=Boston&visits.in=1,2&income.null=true&sort=-birthDate,lastName"));
    }

    [Fact]
    public void Count_the_extra_row_of_an_audited_page_instead_of_reading_it()
    {
        var text = Page("?fields=ssn&city=x");
        Assert.Equal(
            "select p.*, count(*) over () as _total from (select id, version, \"ssn\" from \"u1\".\"patient\" "
            + "where \"city\" = $1 order by \"id\" limit $2) p order by \"id\" limit $3",
            text);
    }

    [Fact]
    public void Keep_the_text_of_a_plain_first_page()
    {
        var view = View();
        var first = ListSql.Compile(Query("?limit=3&fields=city", view), null, null);
        var second = ListSql.Compile(Query("?limit=9&fields=city", view), null, null);
        Assert.Same(first.Page, second.Page);
        Assert.Equal("select id, version, \"city\" from \"u1\".\"patient\" order by id limit $1", Text(first.Page));
    }

    [Fact]
    public void Compare_rows_when_all_keys_go_one_way_and_always_have_a_value()
    {
        Assert.Equal("(\"birth_date\", \"id\") > ($1, $2)", After("birthDate", Born, Id));
        Assert.Equal("(\"birth_date\", \"id\") < ($1, $2)", After("-birthDate", Born, Id));
    }

    [Fact]
    public void Compare_rows_descending_even_where_values_may_be_missing() =>
        Assert.Equal("(\"city\", \"id\") < ($1, $2)", After("-city", City, Id));

    [Fact]
    public void Reach_the_rows_without_value_after_those_with_one() => Assert.Equal(
        "((\"city\" > $1 or \"city\" is null) or (\"city\" = $2 and \"id\" > $3))", After("city", City, Id));

    [Fact]
    public void Go_on_among_the_rows_without_value()
    {
        Assert.Equal("(\"city\" is null and (\"city\" is null and \"id\" > $1))", After("city", NoCity, Id));
        Assert.Equal("(\"city\" is not null or (\"city\" is null and \"id\" < $1))", After("-city", NoCity, Id));
    }

    [Fact]
    public void Bound_the_first_key_when_directions_are_mixed() => Assert.Equal(
        "(\"birth_date\" <= $1 and (\"birth_date\" < $2 or (\"birth_date\" = $3 and "
        + "(\"last_name\" > $4 or (\"last_name\" = $5 and \"id\" > $6)))))",
        After("-birthDate,lastName", Born, City, Id));

    [Theory]
    [InlineData("ab", "ac")]
    [InlineData("a\uD7FF", "a\uE000")]
    [InlineData("a\U0010FFFF", "b")]
    [InlineData("\U0010FFFF\U0010FFFF", null)]
    [InlineData("", null)]
    [InlineData("\uFFFF", "\U00010000")]
    public void Find_the_text_right_above_a_prefix(string prefix, string? expected) =>
        Assert.Equal(expected, ListSql.AfterPrefix(prefix));

    [Fact]
    public void Search_a_prefix_as_a_range() => Assert.Contains(
        "\"city\" >= $1 and \"city\" < $2", Page("?fields=id&city.prefix=Bo"), StringComparison.Ordinal);

    [Fact]
    public void Take_unequal_as_true_where_there_is_no_value()
    {
        Assert.Contains("\"city\" is distinct from $1", Page("?fields=id&city.ne=x"), StringComparison.Ordinal);
        Assert.Contains("\"last_name\" <> $1", Page("?fields=id&lastName.ne=x"), StringComparison.Ordinal);
    }

    [Fact]
    public void Name_the_column_of_each_sort_key()
    {
        var shown = ListSql.Compile(Query("?fields=birthDate&sort=birthDate,city"), null, null);
        Assert.Equal([2, 3, 0], shown.KeyColumns.ToArray());
        Assert.Equal(-1, shown.TotalColumn);
        Assert.Equal(3, ListSql.Compile(Query("?fields=ssn&sort=id&city=x"), null, null).TotalColumn);
    }
}
