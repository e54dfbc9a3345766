using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

public sealed class SchemaPlanTests
{
    [Fact]
    public void Create_tables_first_and_foreign_keys_last()
    {
        var steps = SchemaPlan.Create(SampleManifest.Model());

        var order = steps.Select(s => s switch
        {
            SchemaChange.AddTable => 0,
            SchemaChange.AddColumn => 1,
            SchemaChange.AddIndex => 2,
            SchemaChange.AddForeignKey => 3,
            _ => throw new InvalidOperationException($"{s} has no place in a new schema."),
        }).ToList();
        Assert.Equal(order.Order(), order);
        Assert.Equal(3, order.Count(o => o == 0));
        Assert.Equal(2, order.Count(o => o == 3));
    }

    [Fact]
    public void Describe_columns_by_type_requirement_and_default()
    {
        var text = SampleManifest.With("age: { type: integer,", "age: { type: integer, default: 7, required: true,");
        var table = SchemaPlan.Create(SampleManifest.Model(text))
            .OfType<SchemaChange.AddTable>()
            .Single(t => t.Table.Name.Value == "patient").Table;

        Assert.Equal(
            [
                new(SqlName.Of("name"), ColumnType.Text, true),
                new(SqlName.Of("birth_date"), ColumnType.Date, false),
                new(SqlName.Of("age"), ColumnType.Integer, true, "7"),
            ],
            table.Columns.ToArray());
        Assert.Equal(
            [new SealedFieldDefinition("ssn", ColumnType.Text, "secret", SqlName.Of("_bx_ssn"), 17)], table.Sealed.ToArray());
    }

    [Fact]
    public void Give_every_foreign_key_an_index_that_begins_with_its_column()
    {
        var steps = SchemaPlan.Create(SampleManifest.Model());

        foreach (var key in steps.OfType<SchemaChange.AddForeignKey>())
        {
            Assert.Contains(
                steps.OfType<SchemaChange.AddIndex>(),
                i => i.Table.Equals(key.Table) && i.Index.Columns[0].Equals(key.ForeignKey.Column));
        }
    }

    [Fact]
    public void Change_nothing_between_equal_versions()
    {
        var plan = Between("version: 1", "version: 2");

        Assert.Empty(plan.Steps);
        Assert.Empty(plan.Lines);
        Assert.True(plan.IsAllowed(false));
    }

    [Theory]
    [InlineData("age: { type: integer,", "age: { type: integer, max: 5, default: 1,")]
    [InlineData("  clerk:\n", "  other:\n    entities: {}\n  clerk:\n")]
    [InlineData("title: Sample", "title: Example")]
    [InlineData("readsOf: [health]", "readsOf: [health, secret]")]
    [InlineData("mask: { ssn: lastFour,", "mask: { ssn: hidden,")]
    [InlineData("read: [name, ssn, birthDate]", "read: [age, name, ssn, birthDate]")]
    [InlineData("plural: patients", "plural: people")]
    [InlineData("maxLength: 50, class: public", "maxLength: 50, class: internal")]
    [InlineData("inverse: visits", "inverse: stays")]
    [InlineData("maxLength: 50, class: public", "maxLength: 60, class: public")]
    public void Say_a_change_of_the_model_without_any_ddl(string old, string now)
    {
        var plan = Between(old, now);

        Assert.Empty(plan.Steps);
        Assert.NotEmpty(plan.Lines);
        Assert.Empty(plan.Refusals);
    }

    [Theory]
    [InlineData("age: { type: integer,", "nick: { type: text, class: personal }\n      age: { type: integer,", "AddColumn")]
    [InlineData("age: { type: integer,", "vip: { type: boolean, required: true, default: false, class: personal }\n      age: { type: integer,", "AddColumn")]
    [InlineData("age: { type: integer,", "payer: { type: reference, to: payer }\n      age: { type: integer,", "AddColumn AddIndex AddForeignKey")]
    [InlineData("name: { type: text, required: true,", "name: { type: text,", "RelaxColumn")]
    [InlineData("indexes: [[start]]", "indexes: []", "DropIndex")]
    [InlineData("indexes: [[start]]", "indexes: [[start], [start, payer]]", "AddIndex")]
    [InlineData("maxLength: 20, unique: true", "maxLength: 20", "DropIndex Reseal")]
    [InlineData("onDelete: restrict", "onDelete: cascade", "DropForeignKey AddForeignKey")]
    [InlineData("  payer:\n", "  x:\n    fields:\n      v: { type: reference, to: visit }\n  payer:\n", "AddTable AddIndex AddForeignKey")]
    public void Plan_what_loses_nothing(string old, string now, string steps)
    {
        var plan = Between(old, now);

        Assert.Equal(steps.Split(' '), plan.Steps.Select(s => s.GetType().Name));
        Assert.Empty(plan.Losses);
        Assert.True(plan.IsAllowed(false));
        Assert.NotEmpty(plan.Lines);
    }

    [Theory]
    [InlineData("      age: { type: integer, class: internal }\n", "", "DropColumn")]
    [InlineData("age: { type: integer,", "age: { type: decimal,", "DropColumn AddColumn")]
    [InlineData("payer: { type: reference, to: payer }", "payer: { type: reference, to: patient }", "DropForeignKey DropIndex DropColumn AddColumn AddIndex AddForeignKey")]
    [InlineData("maxLength: 50, class: public", "maxLength: 49, class: public", "")]
    [InlineData("age: { type: integer,", "age: { type: integer, min: 0,", "")]
    [InlineData("birthDate: { type: date,", "birthDate: { type: date, required: true,", "")]
    public void Refuse_what_loses_or_narrows_until_it_is_allowed(string old, string now, string steps)
    {
        var plan = Between(old, now);

        Assert.Equal(steps.Split(' ', StringSplitOptions.RemoveEmptyEntries), plan.Steps.Select(s => s.GetType().Name));
        Assert.NotEmpty(plan.Losses);
        Assert.False(plan.IsAllowed(false));
        Assert.True(plan.IsAllowed(true));
    }

    [Fact]
    public void Refuse_a_value_of_an_enum_that_goes_and_take_one_that_comes()
    {
        Assert.NotEmpty(Between("[a, b]", "[a]", Enum).Losses);
        Assert.NotEmpty(Between("[a, b]", "[a, c]", Enum).Losses);
        Assert.Empty(Between("[a, b]", "[b, a, c]", Enum).Losses);

        static string Enum(string text) =>
            text.Replace("age: { type: integer,", "age: { type: enum, values: [a, b],", StringComparison.Ordinal);
    }

    [Fact]
    public void Drop_an_entity_only_after_what_refers_to_it()
    {
        var from = SampleManifest.Model(SampleManifest.Text);
        var text = SampleManifest.Text
            .Replace("  payer:\n    fields:\n      name: { type: text, maxLength: 50, class: public }\n", "", StringComparison.Ordinal)
            .Replace("      payer: { type: reference, to: payer }\n", "", StringComparison.Ordinal)
            .Replace("      payer: { actions: [list, read, create, update, delete], read: all, write: all }\n", "", StringComparison.Ordinal);

        var plan = SchemaPlan.Between(from, SampleManifest.Model(text));

        Assert.Equal(
            ["DropForeignKey", "DropIndex", "DropColumn", "DropTable"], plan.Steps.Select(s => s.GetType().Name));
        Assert.Equal(2, plan.Losses.Length);
    }

    [Fact]
    public void Never_add_a_required_field_without_a_value_for_the_records_that_exist()
    {
        var plan = Between("age: { type: integer,", "vip: { type: boolean, required: true, class: personal }\n      age: { type: integer,");

        Assert.Single(plan.Refusals);
        Assert.Empty(plan.Steps);
        Assert.False(plan.IsAllowed(true));
    }

    [Fact]
    public void Warn_that_a_new_unique_index_fails_on_duplicates()
    {
        var plan = Between("birthDate: { type: date,", "birthDate: { type: date, unique: true,");

        Assert.Empty(plan.Losses);
        Assert.Contains("duplicates", Assert.Single(plan.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Make_an_index_anew_when_its_column_is_replaced()
    {
        var plan = Between("start: { type: timestamp,", "start: { type: date,");

        Assert.Equal(
            ["DropIndex", "DropColumn", "AddColumn", "AddIndex"], plan.Steps.Select(s => s.GetType().Name));
    }

    [Fact]
    public void Refuse_to_compare_two_apps() => Assert.Throws<ArgumentException>(() =>
        SchemaPlan.Between(SampleManifest.Model(), SampleManifest.Model(SampleManifest.With("app: sample", "app: other"))));

    private static SchemaPlanResult Between(string old, string now, Func<string, string>? prepare = null)
    {
        var text = (prepare ?? (t => t))(SampleManifest.Text);
        Assert.Contains(old, text, StringComparison.Ordinal);
        return SchemaPlan.Between(
            SampleManifest.Model(text),
            SampleManifest.Model(text.Replace(old, now, StringComparison.Ordinal)));
    }
}
