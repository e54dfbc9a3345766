using System.Text;
using System.Text.Json;
using Bulkhead.Host.Import;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Demo;

public sealed class SampleAppTests
{
    [Fact]
    public void Give_every_field_a_column_and_every_column_a_field_of_its_type()
    {
        var app = SampleFiles.App();
        var mapping = SampleFiles.Mapping();

        Assert.Equal(
            app.Entities.Select(entity => entity.Plural).Order(), mapping.Files.Select(file => file.Into).Order());
        foreach (var file in mapping.Files)
        {
            var entity = app.ByPlural[file.Into];
            Assert.Equal(
                entity.Fields.Select(field => $"{entity.Name}.{field.Name} {TypeFor(field)}").Order(),
                file.Columns.Select(column => $"{entity.Name}.{column.Field} {column.Type}").Order());
            Assert.Empty(file.Ignore);
        }
    }

    [Fact]
    public void Import_what_others_refer_to_first()
    {
        var app = SampleFiles.App();
        var seen = new HashSet<string>();
        foreach (var file in SampleFiles.Mapping().Files)
        {
            var entity = app.ByPlural[file.Into];
            Assert.All(
                entity.Fields.Where(field => field.Reference is not null),
                field => Assert.Contains(field.Reference!.Target, seen));
            seen.Add(entity.Name);
        }
    }

    [Fact]
    public void Demand_of_a_patient_only_what_every_patient_has()
    {
        var patient = SampleFiles.App().ByName["patient"];
        var required = patient.Fields.Where(field => field.Required).Select(field => field.Name);

        Assert.Equal(["firstName", "lastName", "birthDate", "gender"], required);
    }

    [Fact]
    public void Class_identifying_numbers_as_secret_and_codes_and_descriptions_as_health()
    {
        var app = SampleFiles.App();
        var patient = app.ByName["patient"];

        Assert.All(
            ["ssn", "driversLicense", "passport"], name => Assert.Equal(DataClass.Secret, patient.ByName[name].Class));
        Assert.DoesNotContain(patient.Fields, field => field.Class is DataClass.Public or DataClass.Internal);
        foreach (var entity in app.Entities.Where(entity => entity.SubjectPath.Length > 0))
        {
            Assert.All(
                entity.Fields.Where(field => field.Name is "code" or "description" or "value" or "notes"
                    || field.Name.StartsWith("reason", StringComparison.Ordinal)
                    || field.Name.StartsWith("diagnosis", StringComparison.Ordinal) && field.Type == FieldType.Text),
                field => Assert.Equal(DataClass.Health, field.Class));
            Assert.All(
                entity.Fields.Where(
                    field => field.Type is FieldType.Date or FieldType.Timestamp or FieldType.Reference),
                field => Assert.Equal(DataClass.Internal, field.Class));
        }
    }

    [Fact]
    public void Let_the_admin_create_everything_the_clinician_delete_nothing_and_the_auditor_read_only_the_log()
    {
        var app = SampleFiles.App();
        var (admin, clinician, auditor) = (app.Roles["admin"], app.Roles["clinician"], app.Roles["auditor"]);

        Assert.Equal(14, admin.Grants.Count(grant => grant.Value.Actions.HasFlag(EntityActions.Create)));
        Assert.Equal(AuditGrant.None, admin.Audit);
        Assert.DoesNotContain(clinician.Grants.Values, grant => grant.Actions.HasFlag(EntityActions.Delete));
        Assert.Equal(4, clinician.Grants["patient"].Masks["ssn"].Keep);
        Assert.Equal(AuditGrant.Read, auditor.Audit);
        Assert.Empty(auditor.Grants);
    }

    /// <summary>Where the real files lie beside the clone; elsewhere the other tests make their own input.</summary>
    [Fact]
    public void Take_every_row_of_the_real_files_without_a_reject()
    {
        if (SampleFiles.Synthea is not { } folder)
        {
            return;
        }

        var app = SampleFiles.App();
        var mapping = SampleFiles.Mapping();
        var known = app.Entities.ToDictionary(entity => entity.Name, _ => new HashSet<string>());
        foreach (var file in mapping.Files)
        {
            var path = Path.Combine(folder, file.File);
            using (var header = File.OpenRead(path))
            {
                Assert.Empty(CsvChunks.CheckHeader(file, header));
            }

            using var stream = File.OpenRead(path);
            var entity = app.ByPlural[file.Into];
            foreach (var chunk in CsvChunks.Read(mapping.App, file, stream))
            {
                Assert.Empty(chunk.Rejects);
                foreach (var line in Encoding.UTF8.GetString(chunk.Ndjson.Span).TrimEnd('\n').Split('\n'))
                {
                    using var record = JsonDocument.Parse(line);
                    ClinicDemoTests.CheckRecord(entity, record.RootElement, known, []);
                }
            }
        }

        Assert.Equal(
            "27 604 438 990 663 1267 5228 40 49 29 249 63 10 166",
            string.Join(' ', ((string[])
            [
                "patient", "encounter", "condition", "observation", "medication", "claim", "claimTransaction",
                "allergy", "carePlan", "immunization", "procedure", "organization", "payer", "provider",
            ]).Select(name => known[name].Count)));
    }

    private static ColumnType TypeFor(FieldModel field) => field.Type switch
    {
        FieldType.Enum => ColumnType.Text,
        FieldType.Reference => ColumnType.Uuid,
        var type => Enum.Parse<ColumnType>(type.ToString()),
    };
}
