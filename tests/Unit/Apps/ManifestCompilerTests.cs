using Bulkhead.Platform.Apps;
using FsCheck;
using FsCheck.Fluent;

namespace Bulkhead.Tests.Unit.Apps;

public sealed class ManifestCompilerTests
{
    [Fact]
    public void Compile_a_good_manifest_into_the_model()
    {
        var model = SampleManifest.Model();

        Assert.Equal("sample@1", model.Label);
        Assert.Equal(["patient", "payer", "visit"], model.Entities.Select(e => e.Name));
        Assert.Same(model.ByName["payer"], model.ByPlural["payers"]);
        Assert.Equal([DataClass.Health], model.AuditedReads);

        var patient = model.ByName["patient"];
        Assert.True(patient.IsSubject);
        Assert.True(patient.ByName["ssn"].Unique);
        Assert.Equal("birth_date", patient.ByName["birthDate"].Column.Value);
        Assert.Equal(new InverseModel("visits", "visit", "patient"), Assert.Single(patient.Inverses));

        var visit = model.ByName["visit"];
        Assert.Equal("patient", Assert.Single(visit.SubjectPath));
        Assert.Equal("patient_id", visit.ByName["patient"].Column.Value);
        Assert.Equal(DataClass.Internal, visit.ByName["patient"].Class);
        Assert.Equal(new ReferenceModel("payer", OnDelete.Restrict, null), visit.ByName["payer"].Reference);
        Assert.Equal("fk__visit__payer_id", visit.ByName["payer"].ForeignKey!.Value);

        var clerk = model.Roles["clerk"];
        Assert.Equal(AuditGrant.None, clerk.Audit);
        Assert.Equal("patient", Assert.Single(clerk.Grants).Key);
        Assert.Equal(EntityActions.List | EntityActions.Read, clerk.Grants["patient"].Actions);
        Assert.Empty(clerk.Grants["patient"].Writable);
        Assert.Equal(new MaskModel("lastFour", MaskKind.KeepLast, 4), clerk.Grants["patient"].Masks["ssn"]);
        Assert.Equal(AuditGrant.Read, model.Roles["auditor"].Audit);
        Assert.Equal(4, model.Roles["admin"].Grants["patient"].Writable.Count);
    }

    [Fact]
    public void Index_every_reference_that_leads_no_index_of_the_manifest()
    {
        var text = SampleManifest.With("indexes: [[start]]", "indexes: [[patient, start]]");

        Assert.Equal(
            ["ix__visit__patient_id__start", "ix__visit__payer_id"],
            SampleManifest.Model(text).ByName["visit"].Indexes.Select(i => i.Name.Value));
    }

    [Fact]
    public void Take_a_list_of_one_unique_field_as_the_field_being_unique()
    {
        var text = SampleManifest.With("    indexes: [[start]]", "    unique: [[start], [payer, note2]]")
            .Replace("extra:", "note2: { type: text, maxLength: 9, class: health }\n      extra:", StringComparison.Ordinal);
        var visit = SampleManifest.Model(text).ByName["visit"];

        Assert.True(visit.ByName["start"].Unique);
        Assert.False(visit.ByName["payer"].Unique);
    }

    [Fact]
    public void Grant_all_fields_but_some()
    {
        var text = SampleManifest.With("read: [name, ssn, birthDate]", "read: { except: [name, age] }");

        Assert.Equal(
            ["birthDate", "ssn"],
            SampleManifest.Model(text).Roles["clerk"].Grants["patient"].Readable.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("type: integer, min: -5, max: 5, default: +3", "3")]
    [InlineData("type: decimal, default: 1e9", "1000000000")]
    [InlineData("type: decimal, scale: 2, default: 1.500", "1.5")]
    [InlineData("type: boolean, default: True", "true")]
    [InlineData("type: date, default: 2026-02-28", "2026-02-28")]
    [InlineData("type: timestamp, default: \"2026-02-28T10:00:00.250+02:00\"", "2026-02-28T08:00:00.25Z")]
    [InlineData("type: uuid, default: 0198C0DE-0000-7000-8000-00000000000A", "0198c0de-0000-7000-8000-00000000000a")]
    [InlineData("type: enum, values: [a, \"1\"], default: \"1\"", "1")]
    [InlineData("type: text, default: \"\"", "")]
    [InlineData("type: json, default: { a: [1, 2.50, x, null, true] }", """{"a":[1,2.50,"x",null,true]}""")]
    [InlineData("type: json, default: 12", "12")]
    public void Keep_a_default_in_the_canonical_text_of_its_type(string field, string canonical)
    {
        var text = SampleManifest.With("age: { type: integer,", $"age: {{ {field},");

        Assert.Equal(canonical, SampleManifest.Model(text).ByName["patient"].ByName["age"].Default);
    }

    [Fact]
    public void Keep_generated_names_within_63_characters_and_apart()
    {
        var long1 = "a" + new string('X', 39) + "1";
        var long2 = "a" + new string('X', 39) + "2";
        var text = SampleManifest.With(
            "age: { type: integer, class: internal }",
            $"{long1}: {{ type: date, class: internal, unique: true }}\n"
            + $"      {long2}: {{ type: reference, to: payer }}");
        var patient = SampleManifest.Model(text).ByName["patient"];

        var names = patient.Fields.Select(f => f.Column.Value)
            .Concat(patient.Indexes.Select(i => i.Name.Value))
            .Append(patient.ByName[long2].ForeignKey!.Value)
            .ToList();
        Assert.All(names, n => Assert.InRange(n.Length, 1, 63));
        Assert.Equal(names.Count, names.Distinct().Count());
    }

    [Fact]
    public void Compile_the_template_of_a_new_app()
    {
        Prop.ForAll(
            Gen.Elements("clinic", "my-app", "null", "true", "no", "a1", "e1", "a-" + new string('x', 29)).ToArbitrary(),
            name => SampleManifest.Model(ManifestTemplate.Create(name, "app.schema.json")).Name == name)
            .QuickCheckThrowOnFailure();
        Assert.Throws<ArgumentException>(() => ManifestTemplate.Create("x: 1", "s"));
    }

    /// <summary>Cuts, doubles, swaps and overwrites pieces of a good manifest: the compiler answers, whatever comes.</summary>
    [Fact]
    public void Answer_any_damaged_manifest_with_a_model_or_with_faults_inside_the_text()
    {
        var pieces = new[]
        {
            "", " ", "\n", ":", "- ", "{", "}", "[", "]", "&a ", "*a", "!!x ", "\t", "\"", "'", "%", "@", "? ", "null", "~",
            "\0", "\ud800", "\"\\ud800\"", "\"\\UFFFFFFFF\"", "9e99", "|", ">", "#", "--- ", "<<: ", "é", "\u2028",
        };
        var damage = Gen.Choose(0, SampleManifest.Text.Length - 1)
            .SelectMany(at => Gen.Choose(0, 30).SelectMany(cut => Gen.Elements(pieces).Select(p => (at, cut, p))));

        Prop.ForAll(Gen.NonEmptyListOf(damage).ToArbitrary(), damages =>
        {
            var text = SampleManifest.Text;
            foreach (var (at, cut, piece) in damages.Take(4))
            {
                var from = Math.Min(at, text.Length);
                text = text[..from] + piece + text[Math.Min(from + cut, text.Length)..];
            }

            var result = ManifestCompiler.Compile(text);
            var lines = text.Split('\n').Length + text.Count(c => c is '\u2028' or '\u0085' or '\u2029') + 1;
            return result.Model is null
                ? !result.Faults.IsEmpty && result.Faults.All(f => f.Line >= 1 && f.Line <= lines && f.Column >= 1)
                : result.Faults.IsEmpty;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3_000));
    }
}
