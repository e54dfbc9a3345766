using System.Text;
using System.Text.Json;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class RecordShapeTests
{
    private static readonly DateTime Now = new(2024, 5, 1, 8, 0, 0, 120, DateTimeKind.Utc);

    private static string Write(EntityView view, RecordShape shape, params (string Field, FieldValue Value)[] given)
    {
        var values = view.All.Select(f => FieldValue.Null(f.Type)).ToArray();
        foreach (var (field, value) in given)
        {
            values[view.IndexOf(field)] = value;
        }

        using var buffer = JsonBuffer.Rent();
        shape.Write(buffer.Writer,
            new RecordValues(new Guid("0190abcd-0000-7000-8000-000000000001"), Guid.Empty, Now, Now, values));
        buffer.EndValue();
        return Encoding.UTF8.GetString(buffer.Written.Span);
    }

    private static FieldValue Text(string value) => FieldValue.Text(FieldType.Text, value);

    [Fact]
    public void Show_fields_in_the_order_of_the_manifest_and_never_what_the_actor_may_not_see()
    {
        var view = View();
        Assert.Equal(
            """
            {"id":"0190abcd-0000-7000-8000-000000000001","createdAt":"2024-05-01T08:00:00.12Z","updatedAt":"2024-05-01T08:00:00.12Z","lastName":"Ng","city":null,"ssn":"*****6789","birthDate":null,"seenAt":"2024-05-01T08:00:00.12Z","visits":3,"income":1.5,"gender":null,"alive":false,"external":null,"extra":{"a":1},"payer":null}
            """,
            Write(
                view, view.Whole, ("lastName", Text("Ng")), ("ssn", Text("123456789")), ("hidden", Text("never")),
                ("seenAt", FieldValue.Timestamp(Now)), ("visits", FieldValue.Integer(3)),
                    ("income", FieldValue.Decimal(1.5m)),
                ("alive", FieldValue.Boolean(false)), ("extra", FieldValue.Text(FieldType.Json, "{\"a\":1}"))));
    }

    [Theory]
    [InlineData(MaskKind.Hide, 0, "ssn", "123456789", "***")]
    [InlineData(MaskKind.KeepLast, 4, "ssn", "123456789", "*****6789")]
    [InlineData(MaskKind.KeepLast, 4, "ssn", "6789", "****")]
    [InlineData(MaskKind.KeepLast, 2, "ssn", "a🏥b🏥", "**b🏥")]
    [InlineData(MaskKind.YearOnly, 0, "ssn", "1980-01-01", "***")]
    public void Mask_a_text(MaskKind kind, int keep, string field, string value, string expected)
    {
        var view = View((field, new MaskModel("m", kind, keep)));
        using var json = JsonDocument.Parse(Write(view, view.Whole, (field, Text(value))));
        Assert.Equal(expected, json.RootElement.GetProperty(field).GetString());
    }

    [Fact]
    public void Mask_a_date_and_a_number_and_leave_nothing_as_nothing()
    {
        var year = new MaskModel("year", MaskKind.YearOnly, 0);
        var view = View(("birthDate", year), ("seenAt", year), ("visits", new MaskModel("last", MaskKind.KeepLast, 1)));
        var json = Write(
            view, view.Whole, ("birthDate", FieldValue.Date(new DateOnly(980, 2, 3))),
                ("visits", FieldValue.Integer(42)));
        Assert.Contains("\"birthDate\":\"0980\"", json, StringComparison.Ordinal);
        Assert.Contains("\"seenAt\":null", json, StringComparison.Ordinal);
        Assert.Contains("\"visits\":\"*2\"", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Show_only_the_id_to_who_may_not_read() => Assert.Equal(
        "{\"id\":\"0190abcd-0000-7000-8000-000000000001\"}", Write(View(), View().IdOnly, ("lastName", Text("Ng"))));

    [Theory]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
    [InlineData("2024-05-01T08:00:00.000001Z", "2024-05-01T08:00:00.000001Z")]
    [InlineData("2024-05-01T08:00:00.1000009z", "2024-05-01T08:00:00.1Z")]
    [InlineData("2024-05-01t23:59:59-12:30", "2024-05-02T12:29:59Z")]
    public void Write_an_instant_in_utc_without_needless_digits(string given, string expected)
    {
        Assert.True(Instants.TryParse(given, out var instant));
        Assert.Equal(expected, FieldValue.Timestamp(instant).ToCanonicalText());
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    [InlineData("2024-02-30T00:00:00Z")]
    [InlineData("2024-05-01 08:00:00Z")]
    [InlineData("2024-05-01T08:00:00.Z")]
    [InlineData("2024-05-01T24:00:00Z")]
    [InlineData("2024-05-01T08:00:00+0200")]
    [InlineData("2024-05-01T+8:00:00Z")]
    public void Refuse_an_instant_that_is_none(string text) => Assert.False(Instants.TryParse(text, out _));
}
