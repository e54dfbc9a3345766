using System.Collections.Frozen;
using System.Collections.Immutable;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.OpenApi;

/// <summary>
/// An app with one field of every type, a mask, a reference with its inverse, and names made to collide.
/// </summary>
internal static class SmallApp
{
    public static AppModel Model { get; } = Build();

    private static AppModel Build()
    {
        ImmutableArray<EntityModel> entities =
        [
            Entity("patient", "patients", [new InverseModel("visits", "visit", "patient")],
                Field("lastName", FieldType.Text, DataClass.Personal, required: true, most: 100),
                Field("ssn", FieldType.Text, DataClass.Secret, most: 11),
                Field("birthDate", FieldType.Date, DataClass.Personal, required: true),
                Field("gender", FieldType.Enum, DataClass.Personal, values: ["F", "M"]),
                new FieldModel
                {
                    Name = "income", Column = SqlName.Of("income"), Type = FieldType.Decimal,
                    Class = DataClass.Personal,
                    Required = true, Default = "0", Min = 0, Max = 1_000_000_000, Scale = 2,
                },
                Field("active", FieldType.Boolean, DataClass.Internal)),
            Entity("visit", "visits", [],
                new FieldModel
                {
                    Name = "patient", Column = SqlName.Of("patient_id"), Type = FieldType.Reference,
                    Class = DataClass.Internal,
                    Required = true, Reference = new ReferenceModel("patient", OnDelete.Cascade, "visits"),
                },
                Field("startedAt", FieldType.Timestamp, DataClass.Internal, required: true),
                Field("minutes", FieldType.Integer, DataClass.Internal),
                Field("device", FieldType.Uuid, DataClass.Internal),
                Field("notes", FieldType.Json, DataClass.Health)),
            // a clinic's problem list, and an entity whose name is that of a schema of another
            Entity("problem", "problems", [], Field("title", FieldType.Text, DataClass.Health, required: true)),
            Entity("visitCreate", "visitCreates", [], Field("title", FieldType.Text, DataClass.Public)),
        ];
        var desk = new RoleModel
        {
            Name = "desk",
            Grants = new Dictionary<string, GrantModel>
            {
                ["patient"] = new()
                {
                    Actions = EntityActions.List | EntityActions.Read,
                    Readable = ["lastName", "ssn", "birthDate"],
                    Writable = [],
                    Masks = new Dictionary<string, MaskModel>
                    {
                        ["ssn"] = new("lastFour", MaskKind.KeepLast, 4),
                        ["birthDate"] = new("year", MaskKind.YearOnly, 0),
                    }.ToFrozenDictionary(),
                },
            }.ToFrozenDictionary(),
        };
        return new AppModel
        {
            Name = "clinic",
            Version = 3,
            Title = "Small clinic",
            Entities = entities,
            ByPlural = entities.ToFrozenDictionary(e => e.Plural),
            ByName = entities.ToFrozenDictionary(e => e.Name),
            Roles = new Dictionary<string, RoleModel> { ["desk"] = desk, ["all"] = All(entities) }.ToFrozenDictionary(),
            AuditedReads = [DataClass.Health],
            Commits = [],
            Manifest = "",
        };
    }

    private static RoleModel All(ImmutableArray<EntityModel> entities) => new()
    {
        Name = "all",
        Grants = entities.ToFrozenDictionary(e => e.Name, e => new GrantModel
        {
            Actions = EntityActions.List | EntityActions.Read | EntityActions.Create | EntityActions.Update
                | EntityActions.Delete,
            Readable = [.. e.ByName.Keys],
            Writable = [.. e.ByName.Keys],
            Masks = FrozenDictionary<string, MaskModel>.Empty,
        }),
    };

    private static EntityModel Entity(
        string name, string plural, ImmutableArray<InverseModel> inverses,
        params ImmutableArray<FieldModel> fields) => new()
        {
            Name = name,
            Plural = plural,
            Table = SqlName.Of(name.ToLowerInvariant()),
            Fields = fields,
            Commits = [],
            ByName = fields.ToFrozenDictionary(f => f.Name),
            Indexes = [],
            SubjectPath = [],
            Inverses = inverses,
        };

    private static FieldModel Field(
        string name, FieldType type, DataClass dataClass, bool required = false, int? most = null,
        ImmutableArray<string>? values = null) => new()
        {
            Name = name,
            Column = SqlName.Of(name.ToLowerInvariant()),
            Type = type,
            Class = dataClass,
            Required = required,
            MaxLength = most,
            Values = values ?? [],
        };
}
