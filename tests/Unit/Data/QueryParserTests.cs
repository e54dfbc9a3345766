using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class QueryParserTests
{
    [Fact]
    public void Read_every_part_of_a_list_request()
    {
        var query =
            Query("?city=Boston&birthDate.gte=1980-01-01&sort=-birthDate,lastName&limit=7&after=abc&fields=lastName");
        Assert.Equal([("city", FilterOperator.Eq), ("birthDate", FilterOperator.Gte)],
            query.Filters.Select(f => (f.Field.Name, f.Operator)));
        Assert.Equal(new DateOnly(1980, 1, 1), query.Filters[1].Values[0].AsDate);
        Assert.Equal([("birthDate", true), ("lastName", false), ("id", false)],
            query.Sort.Select(s => (s.Field.Name, s.Descending)));
        Assert.Equal(7, query.Limit);
        Assert.Equal("abc", query.After);
        Assert.Equal(["id", "lastName"], query.Selection.Shape.Fields.Select(f => f.Name));
    }

    [Fact]
    public void Take_the_defaults_of_an_empty_query()
    {
        var query = Query("");
        Assert.Equal(50, query.Limit);
        Assert.Equal([("id", false)], query.Sort.Select(s => (s.Field.Name, s.Descending)));
        Assert.Null(query.After);
    }

    [Fact]
    public void Tell_every_fault_at_once() => Assert.Equal(
        [
            ("unknown-parameter", "nope"), ("unknown-operator", "city.like"), ("invalid-value", "birthDate"),
            ("invalid-parameter", "limit"), ("unknown-field", "sort"), ("unknown-field", "fields"),
            ("unknown-expansion", "expand"), ("duplicate-parameter", "limit"),
        ],
        Faults("?nope=1&city.like=x&birthDate=1980-13-01&limit=0&sort=nope&fields=nope&expand=nope&limit=1")
            .Select(f => (f.Code, f.Parameter!)));

    [Theory]
    [InlineData("?ssn=1", "?none=1")]
    [InlineData("?hidden=1", "?none=1")]
    [InlineData("?ssn.prefix=1", "?none.prefix=1")]
    [InlineData("?ssn.null=true", "?none.null=true")]
    [InlineData("?ssn.bad=true", "?none.bad=true")]
    [InlineData("?sort=ssn", "?sort=none")]
    [InlineData("?sort=-hidden", "?sort=-none")]
    [InlineData("?fields=hidden", "?fields=none")]
    [InlineData("?expand=hidden", "?expand=none")]
    [InlineData("?tenantId=1", "?none=1")]
    [InlineData("?version=1", "?none=1")]
    public void Tell_a_field_that_cannot_be_searched_exactly_like_one_that_does_not_exist(string query, string unknown)
    {
        var fault = Assert.Single(Faults(query));
        var expected = Assert.Single(Faults(unknown));
        Assert.Equal(expected with { Parameter = fault.Parameter }, fault);
    }

    [Theory]
    [InlineData("city.prefix=B", true)]
    [InlineData("gender.prefix=F", false)]
    [InlineData("gender=X", false)]
    [InlineData("gender.in=F,M", true)]
    [InlineData("alive.gt=true", false)]
    [InlineData("alive=true", true)]
    [InlineData("alive=1", false)]
    [InlineData("extra.null=true", true)]
    [InlineData("extra.null=yes", false)]
    [InlineData("extra=1", false)]
    [InlineData("sort=extra", false)]
    [InlineData("sort=city,city", false)]
    [InlineData("sort=", false)]
    [InlineData("visits=9223372036854775808", false)]
    [InlineData("visits=-3", true)]
    [InlineData("visits= 3", false)]
    [InlineData("income=1e2", true)]
    [InlineData("income=0.00000000000000000000000000001", false)]
    [InlineData("seenAt.lt=2024-01-01T00:00:00Z", true)]
    [InlineData("seenAt.lt=2024-01-01T00:00:00", false)]
    [InlineData("seenAt.lt=2024-01-01T00:00:60Z", false)]
    [InlineData("payer=00000000-0000-0000-0000-000000000001", true)]
    [InlineData("payer={00000000-0000-0000-0000-000000000001}", false)]
    [InlineData("city=%00", false)]
    [InlineData("createdAt.gte=2024-01-01T00:00:00%2B02:00", true)]
    [InlineData("City=Boston", false)]
    [InlineData("city.EQ=Boston", false)]
    [InlineData("limit=201", false)]
    [InlineData("limit=+5", false)]
    [InlineData("=x", false)]
    public void Accept_only_values_and_operators_of_the_type(string query, bool accepted)
    {
        var parsed = QueryParser.List(View(), Actor, new EntityViews(), Limits, "?" + query, out var faults);
        Assert.Equal(accepted, parsed is not null);
        Assert.Equal(accepted, faults.Count == 0);
    }

    [Fact]
    public void Take_a_comma_inside_a_value_of_a_list_when_it_is_escaped()
    {
        var filter = Assert.Single(Query(@"?city.in=a\,b,c,d\\,e\x").Filters);
        Assert.Equal(["a,b", "c", @"d\", @"e\x"], filter.Values.Select(v => v.AsText));
    }

    [Fact]
    public void Refuse_more_values_than_the_limit() => Assert.Equal(
        "too-many-values", Assert.Single(Faults("?visits.in=" + string.Join(',', Enumerable.Range(0, 101)))).Code);

    [Fact]
    public void Refuse_filters_on_a_single_record()
    {
        Assert.Null(QueryParser.Get(View(), Actor, new EntityViews(), Limits, "?city=Boston&limit=1", out var faults));
        Assert.Equal(["unknown-parameter", "unknown-parameter"], faults.Select(f => f.Code));
    }

    [Fact]
    public void Ignore_sort_keys_behind_the_id() =>
        Assert.Equal(["city", "id"], Query("?sort=city,-id,lastName").Sort.Select(s => s.Field.Name));

    [Fact]
    public void Give_the_same_shape_for_the_same_selection_whatever_its_order()
    {
        var view = View();
        Assert.Same(
            Query("?fields=city,lastName", view).Selection.Shape,
                Query("?fields=lastName,id,city", view).Selection.Shape);
        Assert.NotSame(Query("?fields=city", view).Selection.Shape, Query("?fields=lastName", view).Selection.Shape);
    }

    [Theory]
    [InlineData("?fields=city", false)]
    [InlineData("?fields=ssn", true)]
    [InlineData("", true)]
    public void Mark_a_list_as_audited_by_the_classes_that_it_shows(string query, bool audited) =>
        Assert.Equal(audited, Query(query).IsAudited);

    [Fact]
    public void Mark_a_list_as_audited_that_searches_by_an_audited_class_without_showing_it() => Assert.True(
        Query("?fields=city&ssn=1", View(("city", new MaskModel("hidden", MaskKind.Hide, 0)))).IsAudited);
}
