using Bulkhead.Host.Import;

namespace Bulkhead.Tests.Unit.Import;

public sealed class MappingReaderTests
{
    [Fact]
    public void Read_a_mapping()
    {
        var (mapping, faults) = MappingReader.Read(
            """
            mapping: 1
            app: clinic
            files:
              - file: visits.csv
                into: visits
                id: { from: [DAY, WHO] }
                nullValues: ["", "-"]
                columns:
                  DAY: { field: day, type: date, formats: [dd.MM.yyyy] }
                  COST: { field: cost, type: decimal, nullValues: ["", NaN] }
                  NOTE: note
                ignore: [BATCH]
                constants: { source: old, urgent: false, level: 2, code: "2" }
            """);

        Assert.Empty(faults);
        var file = Assert.Single(mapping!.Files);
        Assert.True(file.Id.Derived);
        Assert.Equal(["DAY", "WHO"], file.Id.Columns.Select(column => column.Name));
        Assert.Equal(ColumnType.Date, file.Columns[0].Type);
        Assert.Equal(["dd.MM.yyyy"], file.Columns[0].Formats.AsEnumerable());
        Assert.Equal(["", "NaN"], file.Columns[1].NullValues.AsEnumerable());
        Assert.Equal(["", "-"], file.Columns[2].NullValues.AsEnumerable());
        Assert.Equal(new MappingPlace(11, 7), file.Columns[2].Place);
        Assert.Equal(["\"old\"", "false", "2", "\"2\""], file.Constants.Select(constant => constant.Json));
    }

    [Fact]
    public void Report_every_fault_at_once_with_its_place()
    {
        var (mapping, faults) = MappingReader.Read(
            """
            mapping: 2
            app: clinic
            colour: red
            files:
              - file: ../secret.csv
                into: Visits
                id: Id
                columns:
                  Id: number
                  A: { field: a, type: money }
                  B: { field: a, formats: [x] }
                  C: { type: date }
                  D: id
                ignore: [A]
              - file: other.csv
                into: others
            """);

        Assert.Null(mapping);
        Assert.Equal(
            [
                "1:10 unknown-grammar",
                "3:1 unknown-key",
                "5:11 invalid-file",
                "6:11 invalid-name",
                "7:9 duplicate-column",
                "10:28 unknown-type",
                "11:19 duplicate-field",
                "11:31 unknown-key",
                "12:10 required",
                "13:10 invalid-name",
                "14:14 duplicate-column",
                "15:5 required",
                "15:5 required",
            ],
            faults.Select(fault => $"{fault.Place.Line}:{fault.Place.Column} {fault.Code}"));
    }

    [Theory]
    [InlineData("app: [")]
    [InlineData("app: a\napp: b")]
    [InlineData("")]
    [InlineData("- a")]
    [InlineData("mapping: 1\napp: x\nfiles: []")]
    [InlineData("mapping: 1\napp: x\nfiles: [1]")]
    [InlineData("mapping: 1\napp: x\nfiles: [{file: a.csv, into: as, id: {from: []}, columns: []}]")]
    public void Refuse_what_is_not_a_mapping_without_falling_over(string yaml)
    {
        var (mapping, faults) = MappingReader.Read(yaml);

        Assert.Null(mapping);
        Assert.NotEmpty(faults);
    }

    [Fact]
    public void Refuse_the_same_file_twice_into_the_same_collection()
    {
        const string File = "{file: a.csv, into: things, id: Id, columns: {A: a}}";

        var (_, faults) = MappingReader.Read($"mapping: 1\napp: x\nfiles: [{File}, {File}]");

        Assert.Equal("duplicate-file", Assert.Single(faults).Code);
    }
}
