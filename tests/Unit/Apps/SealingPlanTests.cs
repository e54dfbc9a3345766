using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

/// <summary>What a new version may do to sealed fields, and in which words it is said.</summary>
public sealed class SealingPlanTests
{
    private const string Name = "name: { type: text, required: true, maxLength: 100, class: personal }";
    private const string Ssn = "ssn: { type: text, maxLength: 20, unique: true, class: secret }";
    private const string Age = "age: { type: integer, class: internal }";
    private const string Note = "note: { type: text, class: health }";

    [Fact]
    public void A_field_in_the_clear_becomes_sealed()
    {
        var plan = Between(Name, "name: { type: text, required: true, maxLength: 100, class: personal, sealed: true }");

        var reseal = Reseal(plan);
        Assert.Single(plan.Steps);
        Assert.True(plan.IsAllowed(false));
        Assert.Contains("seal patient.name: its values move into the envelope of personal, online", plan.Lines);
        Assert.Equal(SqlName.Of("name"), reseal.To.Single(f => f.Field.Name == "name").Column);
        Assert.Equal("secret", reseal.To.Single(f => f.Field.Name == "ssn").Kept!.DataClass);
        var shape = new ResealShape(reseal);
        Assert.Equal(["personal"], shape.Classes);
        Assert.Equal([SqlName.Of("name")], shape.Dropped.ToArray());
        Assert.Empty(shape.Read);
        Assert.Empty(shape.Indexes);
    }

    [Fact]
    public void A_class_that_is_always_sealed_seals_the_field()
    {
        var plan = Between(Age, "age: { type: integer, class: health }");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Contains("seal patient.age: its values move into the envelope of health, online", plan.Lines);
    }

    [Theory]
    [InlineData("note: { type: text, class: internal }")]
    [InlineData("note: { type: text, class: personal }")]
    public void A_sealed_field_never_comes_into_the_clear_again(string now)
    {
        var plan = Between(Note, now);

        var refusal = Assert.Single(plan.Refusals);
        Assert.StartsWith("unseal visit.note:", refusal, StringComparison.Ordinal);
        Assert.Contains("add a new field", refusal, StringComparison.Ordinal);
        Assert.Empty(plan.Steps);
        Assert.False(plan.IsAllowed(true));
    }

    [Fact]
    public void A_sealed_field_changes_its_class()
    {
        var plan = Between(Note, "note: { type: text, class: secret }");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Empty(plan.Losses);
        Assert.Contains("reseal visit.note: its values move from the envelope of health into that of secret, online", plan.Lines);
        var shape = new ResealShape(Reseal(plan));
        // The other field of health stays where it is, in an envelope without the note.
        Assert.Equal(["health", "secret"], shape.Classes.Order());
        Assert.Equal(["health"], shape.Read.ToArray());
        Assert.Empty(shape.Dropped);
    }

    [Fact]
    public void A_class_without_fields_loses_its_envelope_and_keeps_the_blind_index_of_what_moved()
    {
        var plan = Between(Ssn, "ssn: { type: text, maxLength: 20, unique: true, class: cardholder }");

        Assert.Equal(["Reseal"], Kinds(plan));
        var shape = new ResealShape(Reseal(plan));
        Assert.Equal([SqlName.Of("_sealed_secret")], shape.Dropped.ToArray());
        Assert.Empty(shape.Indexes);
    }

    [Fact]
    public void A_sealed_field_that_is_dropped_goes_out_of_the_envelopes()
    {
        var plan = Between("      " + Note + "\n", "");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Contains("drop field visit.note: its values are lost", plan.Losses);
        Assert.Contains("reseal visit: the values of note go out of the envelope of health, online", plan.Lines);
        Assert.Equal(["health"], new ResealShape(Reseal(plan)).Classes);
    }

    [Fact]
    public void The_last_sealed_field_takes_its_envelope_and_its_index_along()
    {
        var text = SampleManifest.Text.Replace("      " + Ssn + "\n", "", StringComparison.Ordinal)
            .Replace("read: [name, ssn, birthDate]", "read: [name, birthDate]", StringComparison.Ordinal)
            .Replace("mask: { ssn: lastFour, birthDate: year }", "mask: { birthDate: year }", StringComparison.Ordinal);
        var plan = SchemaPlan.Between(SampleManifest.Model(), SampleManifest.Model(text));

        Assert.Equal(["DropIndex", "Reseal"], Kinds(plan));
        var shape = new ResealShape(Reseal(plan));
        Assert.Equal([SqlName.Of("_sealed_secret"), SqlName.Of("_bx_ssn")], shape.Dropped.ToArray());
        Assert.Empty(shape.Staged);
    }

    [Fact]
    public void A_sealed_field_of_another_type_loses_its_values()
    {
        var plan = Between(Note, "note: { type: integer, class: health }");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Contains("change visit.note from text to integer: its values are lost", plan.Losses);
        var note = Reseal(plan).To.Single(f => f.Field.Name == "note");
        Assert.Null(note.Kept);
        Assert.Null(note.Column);
    }

    [Fact]
    public void A_text_that_becomes_an_enum_is_not_taken_for_the_same_because_it_is_stored_alike()
    {
        var plan = Between(Note, "note: { type: enum, values: [a, b], class: health }");

        Assert.Null(Reseal(plan).To.Single(f => f.Field.Name == "note").Kept);
        Assert.NotEmpty(plan.Losses);
    }

    [Fact]
    public void A_sealed_field_gets_a_search()
    {
        var plan = Between(Note, "note: { type: text, class: health, search: equality }");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Contains("change visit.note: can be searched; its blind index is made, online", plan.Lines);
        var shape = new ResealShape(Reseal(plan));
        Assert.Empty(shape.Envelopes);
        Assert.Equal(SqlName.Of("_next_bx_note"), Assert.Single(shape.Indexes).Staging);
        Assert.Equal(["health"], shape.Read.ToArray());
    }

    [Fact]
    public void A_sealed_field_loses_its_search()
    {
        var plan = SchemaPlan.Between(
            SampleManifest.Model(SampleManifest.With(Note, "note: { type: text, class: health, search: equality }")), SampleManifest.Model());

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Contains("change visit.note: can no longer be searched; its blind index goes", plan.Lines);
        Assert.Equal([SqlName.Of("_bx_note")], new ResealShape(Reseal(plan)).Dropped.ToArray());
    }

    [Fact]
    public void Uniqueness_makes_a_blind_index_of_another_length_and_its_index_anew()
    {
        var plan = SchemaPlan.Between(
            SampleManifest.Model(SampleManifest.With(Note, "note: { type: text, class: health, search: equality }")),
            SampleManifest.Model(SampleManifest.With(Note, "note: { type: text, class: health, unique: true }")));

        Assert.Equal(["Reseal", "AddIndex"], Kinds(plan));
        Assert.Contains("change visit.note: its blind index is made anew, online", plan.Lines);
        Assert.Equal(SqlName.Of("_bx_note"), Assert.Single(new ResealShape(Reseal(plan)).Indexes).Column);
    }

    [Fact]
    public void A_unique_field_in_the_clear_that_becomes_sealed_gets_its_index_on_the_blind_one()
    {
        var clear = SampleManifest.With(Name, "name: { type: text, required: true, maxLength: 100, class: personal, unique: true }");
        var plan = SchemaPlan.Between(
            SampleManifest.Model(clear),
            SampleManifest.Model(clear.Replace("personal, unique: true", "personal, unique: true, sealed: true", StringComparison.Ordinal)));

        Assert.Equal(["DropIndex", "Reseal", "AddIndex"], Kinds(plan));
        Assert.Equal([SqlName.Of("_bx_name")], plan.Steps.OfType<SchemaChange.AddIndex>().Single().Index.Columns.ToArray());
    }

    [Fact]
    public void A_sealed_field_that_comes_without_a_default_changes_no_row()
    {
        var plan = Between(Note, Note + "\n      more: { type: text, class: health }");

        Assert.Equal(["AddSealedField"], Kinds(plan));
    }

    [Fact]
    public void A_sealed_field_that_comes_with_a_default_comes_into_every_row()
    {
        var plan = Between(Note, Note + "\n      more: { type: text, class: health, required: true, default: none }");

        Assert.Equal(["Reseal"], Kinds(plan));
        Assert.Equal("none", Reseal(plan).To.Single(f => f.Field.Name == "more").Default);
        Assert.Contains("seal visit.more: its default goes into the envelope of health of all records, online", plan.Lines);
    }

    [Fact]
    public void A_sealed_field_that_is_no_longer_required_changes_no_column()
    {
        var plan = SchemaPlan.Between(
            SampleManifest.Model(SampleManifest.With(Ssn, "ssn: { type: text, required: true, maxLength: 20, unique: true, class: secret }")),
            SampleManifest.Model());

        Assert.Empty(plan.Steps);
        Assert.Empty(plan.Losses);
    }

    [Fact]
    public void What_was_prepared_for_one_change_is_not_taken_for_another()
    {
        var one = Reseal(Between(Note, "note: { type: text, class: secret }"));
        var same = Reseal(Between(Note, "note: { type: text, class: secret }"));
        var another = Reseal(Between(Note, "note: { type: text, class: cardholder }"));
        var searched = Reseal(Between(Note, "note: { type: text, class: secret, search: equality }"));

        Assert.Equal(new ResealShape(one).Digest, new ResealShape(same).Digest);
        Assert.Equal(3, new[] { one, another, searched }.Select(c => new ResealShape(c).Digest).Distinct().Count());
    }

    [Fact]
    public void A_staging_column_fits_into_a_name_of_the_database()
    {
        var index = SqlName.Of("_bx_" + new string('a', 59));
        var field = new SealedFieldDefinition("long", ColumnType.Text, "secret", null, 5);
        var shape = new ResealShape(new SchemaChange.Reseal(
            SqlName.Of("t"), "t", [field], [new(field with { Index = index }, Kept: field)], x => x));

        Assert.StartsWith("_next_", Assert.Single(shape.Indexes).Staging.Value, StringComparison.Ordinal);
    }

    private static SchemaChange.Reseal Reseal(SchemaPlanResult plan) => Assert.Single(plan.Steps.OfType<SchemaChange.Reseal>());

    private static IEnumerable<string> Kinds(SchemaPlanResult plan) => plan.Steps.Select(s => s.GetType().Name);

    private static SchemaPlanResult Between(string old, string now) =>
        SchemaPlan.Between(SampleManifest.Model(), SampleManifest.Model(SampleManifest.With(old, now)));
}
