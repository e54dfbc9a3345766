using System.Diagnostics;
using System.Reflection;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

/// <summary>
/// Each case is the sample manifest with one piece replaced. In the replacement «code» stands right before the place where
/// the fault must be reported; the marks are removed before it is compiled.
/// </summary>
public sealed class ManifestFaultTests
{
    public static TheoryData<string, string> Cases { get; } = new()
    {
        { "title: Sample", "title: «wrong-type»2026" },
        { "title: Sample", "title: «wrong-type»true" },
        { "title: Sample", "title:«wrong-type»" },
        { "title: Sample", "title: «wrong-type»[a, b]" },
        { "title: Sample", "title: «invalid-character»\"a\\0b\"" },
        { "title: Sample", "title: «too-long»" + new string('x', 101) },
        { "title: Sample", "title: «alias-refused»&a Sample" },
        { "title: Sample", "title: «tag-refused»!!str Sample" },
        { "title: Sample", "title: Sample\n«unknown-key»titel: Sample" },
        { "title: Sample", "title: Sample\n«duplicate-key»title: Sample" },
        { "app: sample", "app: «invalid-name»Sample" },
        { "app: sample", "app: «invalid-name»s" },
        { "version: 1", "version: «wrong-type»one" },
        { "version: 1", "version: «out-of-range»0" },
        { "version: 1", "version: «out-of-range»1.5" },
        { "version: 1", "version: «wrong-type»\"1\"" },
        { "readsOf: [health]", "readsOf: [«unknown-word»helth]" },
        { "readsOf: [health]", "readsOf: [health, «duplicate-name»health]" },
        { "readsOf: [health]", "«unknown-key»readOf: [health]" },
        { "lastFour: { keepLast: 4 }", "lastFour: { keepLast: «out-of-range»0 }" },
        { "lastFour: { keepLast: 4 }", "lastFour: «unknown-word»hidden" },
        { "lastFour: { keepLast: 4 }", "lastFour: «wrong-type»[hide]" },
        { "lastFour: { keepLast: 4 }", "«invalid-name»last_four: hide\n  lastFour: { keepLast: 4 }" },
        { "plural: patients", "plural: «invalid-name»Patients" },
        { "plural: patients", "plural: «reserved-name»audit" },
        { "plural: patients", "plural: patients\n    «unknown-key»feilds: {}" },
        { "  visit:\n", "  visit:\n    plural: «duplicate-name»patients\n" },
        { "  visit:\n", "  «invalid-name»a_visit: { fields: { a: { type: date, class: public } } }\n  visit:\n" },
        { "  visit:\n", "  «reserved-name»visitPkey: { fields: { a: { type: date, class: public } } }\n  visit:\n" },
        { "  visit:\n", "  other: «wrong-type»text\n  visit:\n" },
        { "  visit:\n", "  «missing-key»other: { subject: none }\n  visit:\n" },
        { "  visit:\n", "  other: { fields: «missing-key»{} }\n  visit:\n" },
        { "subject: patient", "subject: «invalid-subject»patien" },
        { "subject: patient", "subject: «invalid-subject»start" },
        { "subject: patient", "subject: «invalid-subject»payer" },
        { "subject: patient", "subject: «invalid-subject»a.b.c.d.e.f" },
        { "age: { type: integer, ", "«reserved-name»createdAt: { type: integer, " },
        { "age: { type: integer, ", "«reserved-name»sort: { type: integer, " },
        { "age: { type: integer, ", "«reserved-name»xmin: { type: integer, " },
        { "age: { type: integer, ", "«invalid-name»Age: { type: integer, " },
        { "age: { type: integer, ", "age: { type: «unknown-word»int, " },
        { "age: { type: integer, ", "«missing-key»age: { " },
        { "age: { type: integer, ", "age: { type: integer, «key-not-for-type»maxLength: 4, " },
        { "age: { type: integer, ", "age: { type: integer, required: «wrong-type»yes, " },
        { "age: { type: integer, ", "age: { type: integer, min: «empty-range»5, max: 4, " },
        { "age: { type: integer, ", "age: { type: integer, max: «out-of-range»9223372036854775808, " },
        { "age: { type: integer, ", "age: { type: integer, default: «invalid-default»1.5, " },
        { "age: { type: integer, ", "age: { type: integer, min: 2, default: «invalid-default»1, " },
        { "age: { type: integer, ", "age: { type: boolean, default: «invalid-default»no, " },
        { "age: { type: integer, ", "age: { type: date, default: «invalid-default»2026-02-30, " },
        { "age: { type: integer, ", "age: { type: timestamp, default: «invalid-default»2026-02-03, " },
        { "age: { type: integer, ", "age: { type: uuid, default: «invalid-default»12, " },
        { "age: { type: integer, ", "age: { type: text, default: «invalid-default»12, " },
        { "age: { type: integer, ", "age: { type: text, maxLength: 2, default: «invalid-default»abc, " },
        { "age: { type: integer, ", "age: { type: decimal, scale: 1, default: «invalid-default»1.25, " },
        { "age: { type: integer, ", "age: { type: decimal, scale: «out-of-range»13, " },
        { "age: { type: integer, ", "age: { type: decimal, max: «out-of-range»1e40, " },
        { "age: { type: integer, ", "age: { type: enum, values: [a, b], default: «invalid-default»c, " },
        { "age: { type: integer, ", "age: { type: enum, values: [a, «duplicate-name»a], " },
        { "age: { type: integer, ", "age: { type: enum, values: [«wrong-type»1, a], " },
        { "age: { type: integer, ", "age: { type: enum, values: «empty-range»[], " },
        { "age: { type: integer, ", "«missing-key»age: { type: enum, " },
        { "age: { type: integer, ", "age: { type: json, default: «invalid-default»null, " },
        { "age: { type: integer, ", "age: { type: json, default: «invalid-default»{ a: 0x10 }, " },
        { "age: { type: integer, ", "age: { type: json, «not-indexable»unique: true, " },
        { "age: { type: integer, class: internal }", "«missing-key»age: { type: integer }" },
        { "age: { type: integer, class: internal }", "age: «wrong-type»integer" },
        { "age: { type: integer, class: internal }", "patientId: { type: uuid, class: internal }\n      «column-clash»patient: { type: reference, to: patient }" },
        { "age: { type: integer, class: internal }", "«reserved-name»tenant: { type: reference, to: patient }" },
        { "to: patient,", "to: «unknown-entity»patiant," },
        { "onDelete: restrict", "onDelete: «set-null-on-required»setNull" },
        { "onDelete: restrict", "onDelete: «unknown-word»Restrict" },
        { "inverse: visits", "inverse: «inverse-clash»ssn" },
        { "inverse: visits", "inverse: «reserved-name»expand" },
        { "inverse: visits", "inverse: «invalid-name»Visits" },
        { "payer: { type: reference, to: payer }", "payer: { type: reference, to: payer, onDelete: cascade }\n      self: { type: reference, to: visit, onDelete: «cascade-cycle»cascade }" },
        { "payer: { type: reference, to: payer }", "payer: { type: reference, to: payer }\n      other: { type: reference, to: patient, inverse: «inverse-clash»visits }" },
        { "name: { type: text, maxLength: 50, class: public }", "name: { type: text, class: public }\n      visit: { type: reference, to: visit, required: true }\n    indexes: []\n  z:\n    fields:\n      a: { type: reference, to: y, required: true }\n  y:\n    fields:\n      «required-cycle»b: { type: reference, to: z, required: true }" },
        { "indexes: [[start]]", "indexes: [[«unknown-field»strat]]" },
        { "indexes: [[start]]", "indexes: [[«not-indexable»extra]]" },
        { "indexes: [[start]]", "indexes: [[«not-indexable»note]]" },
        { "start: { type: timestamp, class: internal }\n      note: { type: text, class: health }\n      extra: { type: json, class: health }\n    indexes: [[start]]",
            "start: { type: timestamp, class: health }\n    unique: [[start], [patient, «low-entropy»start]]" },
        { "indexes: [[start]]", "indexes: [«index-too-wide»[place]]" },
        { "note: { type: text, class: health }", "note: { type: text, class: health, sealed: «must-be-sealed»false }" },
        { "payer: { type: reference, to: payer }", "payer: { type: reference, to: payer, «not-sealable»class: health }" },
        { "payer: { type: reference, to: payer }", "payer: { type: reference, to: payer, «not-sealable»sealed: true }" },
        { "birthDate: { type: date, ", "birthDate: { type: date, sealed: true, «low-entropy»search: equality, " },
        { "age: { type: integer, ", "age: { type: integer, min: 0, max: 150, sealed: true, «low-entropy»search: equality, " },
        { "note: { type: text, ", "note: { type: text, maxLength: 5, «low-entropy»search: equality, " },
        { "extra: { type: json, ", "extra: { type: json, «low-entropy»search: equality, " },
        { "note: { type: text, ", "note: { type: text, search: «unknown-word»prefix, " },
        { "name: { type: text, maxLength: 50, ", "name: { type: text, maxLength: 50, «search-not-needed»search: equality, " },
        { "indexes: [[start]]", "indexes: [[start], «duplicate-index»[start]]" },
        { "indexes: [[start]]", "indexes: [«wrong-type»start]" },
        { "indexes: [[start]]", "indexes: [«missing-key»[]]" },
        { "clerk:", "«invalid-name»Clerk:" },
        { "patient: { actions: [list, read]", "«unknown-entity»pateint: { actions: [list, read]" },
        { "patient: { actions: [list, read]", "patient: { actions: [list, «unknown-word»write]" },
        { "patient: { actions: [list, read]", "«create-without-required»patient: { actions: [list, create]" },
        { "read: [name, ssn, birthDate]", "read: [«unknown-field»nam, ssn, birthDate]" },
        { "read: [name, ssn, birthDate]", "read: «wrong-type»some" },
        { "read: [name, ssn, birthDate]", "read: { except: [«unknown-field»nam] }" },
        { "mask: { ssn: lastFour", "mask: { ssn: «unknown-mask»lastfive" },
        { "mask: { ssn: lastFour", "mask: { ssn: «mask-mismatch»year" },
        { "mask: { ssn: lastFour", "mask: { «mask-mismatch»age: hidden, ssn: lastFour" },
        { "mask: { ssn: lastFour", "mask: { «unknown-field»snn: lastFour, ssn: lastFour" },
        { "audit: read", "audit: «unknown-word»write" },
        { "title: Sample", "title: Sample\ndescription: «too-long»" + new string('x', 2001) },
        { "indexes: [[start]]", "indexes: [[start], «too-many»[" + string.Join(", ", Enumerable.Repeat("start", 17)) + "]]" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Report_each_fault_at_its_line_and_column_and_nothing_else(string good, string bad)
    {
        var (text, places) = Marks.Take(SampleManifest.With(good, bad));

        var result = ManifestCompiler.Compile(text);

        Assert.Null(result.Model);
        Assert.Equal(places, result.Faults.Select(f => (f.Line, f.Column, f.Code)));
    }

    [Fact]
    public void Report_every_fault_at_once_in_the_order_of_the_file()
    {
        var (text, places) = Marks.Take(SampleManifest.Text
            .Replace("version: 1", "version: «out-of-range»0", StringComparison.Ordinal)
            .Replace("title: Sample", "«unknown-key»titel: Sample", StringComparison.Ordinal)
            .Replace("to: payer }", "to: «unknown-entity»payr }", StringComparison.Ordinal)
            .Replace("ssn: lastFour", "ssn: «unknown-mask»lastFuor", StringComparison.Ordinal));

        var faults = ManifestCompiler.Compile(text).Faults;

        Assert.Equal(
            places.Append((1, 1, "missing-key")).Order(),
            faults.Select(f => (f.Line, f.Column, f.Code)));
        Assert.Contains(faults, f => f.Message.Contains("Did you mean 'title'?", StringComparison.Ordinal));
        Assert.Contains(faults, f => f.Message.Contains("Did you mean 'payer'?", StringComparison.Ordinal));
        Assert.Contains(faults, f => f.Message.Contains("Did you mean 'lastFour'?", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("app: \"unclosed", "invalid-yaml", 1, 6)]
    [InlineData("app: a\n  version: 1\n", "invalid-yaml", 2, 10)]
    [InlineData("", "invalid-yaml", 1, 1)]
    [InlineData("just text", "wrong-type", 1, 1)]
    [InlineData("- a", "wrong-type", 1, 1)]
    [InlineData("a: 1\n---\nb: 2\n", "several-documents", 2, 1)]
    [InlineData("a: *b\n", "alias-refused", 1, 4)]
    public void Refuse_what_is_no_manifest_at_all(string text, string code, int line, int column)
    {
        var fault = ManifestCompiler.Compile(text).Faults.First(f => f.Code == code);

        Assert.Equal((line, column), (fault.Line, fault.Column));
    }

    [Fact]
    public void Refuse_nesting_beyond_the_limit_before_it_costs_anything()
    {
        var fault = Assert.Single(ManifestCompiler.Compile("a: " + new string('[', 500_000)).Faults);

        Assert.Equal(("too-deep", 1, 3 + ManifestYaml.MaxDepth), (fault.Code, fault.Line, fault.Column));
    }

    [Fact]
    public void Refuse_more_than_a_mebibyte_of_utf8()
    {
        var text = SampleManifest.Text + "#" + new string('é', ManifestYaml.MaxBytes / 2);

        Assert.Equal(("too-large", 1, 1), Place(Assert.Single(ManifestCompiler.Compile(text).Faults)));
    }

    [Fact]
    public void Stop_at_five_hundred_faults_and_say_so()
    {
        var text = SampleManifest.Text + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"wrong{i}: 1\n"));
        var watch = Stopwatch.StartNew();

        var faults = ManifestCompiler.Compile(text).Faults;

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(ManifestFaults.Limit + 1, faults.Length);
        Assert.Equal("more-faults", faults[^1].Code);
    }

    [Theory]
    [InlineData(ManifestLimits.Entities, "entities")]
    [InlineData(ManifestLimits.FieldsPerEntity, "fields")]
    [InlineData(ManifestLimits.Roles, "roles")]
    [InlineData(ManifestLimits.IndexesPerEntity, "indexes")]
    public void Refuse_one_more_than_the_limit_and_take_the_limit(int limit, string what)
    {
        Assert.Empty(ManifestCompiler.Compile(Manifest(limit)).Faults);

        var fault = Assert.Single(ManifestCompiler.Compile(Manifest(limit + 1)).Faults);
        Assert.Equal("too-many", fault.Code);

        string Manifest(int count)
        {
            string Many(string kind, string template, int otherwise) => string.Concat(
                Enumerable.Range(0, what == kind ? count : otherwise)
                    .Select(i => template.Replace("#", $"{i}", StringComparison.Ordinal)));
            return "app: many\nversion: 1\ntitle: Many\nentities:\n"
                + Many("entities", "  e#: { fields: { a: { type: date, class: public } } }\n", 0)
                + (what == "entities" ? "" : "  first:\n    fields:\n"
                    + Many("fields", "      f#: { type: integer, class: public }\n", 30)
                    + "    indexes:\n" + Many("indexes", "      - [f#]\n", 1))
                + "roles:\n" + Many("roles", "  r#: { entities: {} }\n", 1);
        }
    }

    [Fact]
    public void Have_a_case_for_every_code()
    {
        var codes = typeof(ManifestFaultCode)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(f => (string)f.GetRawConstantValue()!);
        var tested = Cases
            .SelectMany(c => Marks.Take((string)c[1]).Places.Select(p => p.Code))
            .Concat(["invalid-yaml", "too-large", "too-deep", "several-documents", "more-faults"]);

        Assert.Empty(codes.Except(tested));
    }

    private static (string, int, int) Place(ManifestFault fault) => (fault.Code, fault.Line, fault.Column);
}
