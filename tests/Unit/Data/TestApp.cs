using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Data;

namespace Bulkhead.Tests.Unit.Data;

/// <summary>A small app built by hand: one entity with a field of every type.</summary>
internal static class TestApp
{
    public static readonly Kernel.Tenancy.Unit Unit = new("u1", IsolationKind.Shared, Guid.CreateVersion7(), "db");

    public static readonly DataLimits Limits = new();

    public static readonly EntityModel Patient = Entity(
        "patient",
        Field("lastName", FieldType.Text, DataClass.Personal, required: true, maxLength: 5, minLength: 2),
        Field("city", FieldType.Text, DataClass.Personal),
        Field("ssn", FieldType.Text, DataClass.Secret),
        Field("birthDate", FieldType.Date, DataClass.Personal, required: true),
        Field("seenAt", FieldType.Timestamp),
        Field("visits", FieldType.Integer, min: 0, max: 10, defaultValue: "1"),
        Field("income", FieldType.Decimal, scale: 2),
        Field("gender", FieldType.Enum, values: ["F", "M"]),
        Field("alive", FieldType.Boolean),
        Field("external", FieldType.Uuid),
        Field("extra", FieldType.Json),
        Field("payer", FieldType.Reference, target: "payer"),
        Field("hidden", FieldType.Text, DataClass.Health));

    public static readonly EntityModel Payer = Entity("payer", Field("name", FieldType.Text));

    public static readonly AppModel App = new()
    {
        Name = "clinic",
        Version = 1,
        Title = "Clinic",
        Entities = [Patient, Payer],
        ByPlural = new[] { Patient, Payer }.ToFrozenDictionary(e => e.Plural),
        ByName = new[] { Patient, Payer }.ToFrozenDictionary(e => e.Name),
        Roles = FrozenDictionary<string, RoleModel>.Empty,
        AuditedReads = new[] { DataClass.Health, DataClass.Secret }.ToFrozenSet(),
        Commits = [],
        Manifest = "",
    };

    public static readonly Actor Actor = new(ActorKind.Service, "client-a", ["clinician"]);

    /// <summary>
    /// Sees all but <c>hidden</c>, <c>ssn</c> through a mask; writes all but <c>ssn</c> and <c>hidden</c>.
    /// </summary>
    public static EntityView View(params (string Field, MaskModel Mask)[] masks)
    {
        masks = masks.Length > 0 ? masks : [("ssn", new MaskModel("lastFour", MaskKind.KeepLast, 4))];
        var readable = Patient.Fields.Select(f => f.Name).Where(n => n != "hidden").ToFrozenSet();
        return new(App, Patient, new EntityPermissions
        {
            Actions = EntityActions.List | EntityActions.Read | EntityActions.Create | EntityActions.Update,
            Readable = readable,
            Writable = readable.Where(n => n != "ssn").ToFrozenSet(),
            Masks = masks.ToFrozenDictionary(m => m.Field, m => m.Mask),
            Searchable = readable.Where(n => masks.All(m => m.Field != n)).ToFrozenSet(),
        });
    }

    public static TenantCall Call(Actor? actor = null, Guid? tenant = null)
    {
        var id = new TenantId(tenant ?? new Guid("01234567-0000-7000-8000-000000000001"));
        return new(
            new TenantEntry(id, "a", "A", TenantStatus.Active, "clinic", 1, new Placement(id, Unit, 1), [], []),
            App,
            new RequestContext(id, actor ?? Actor, "request", App.Label));
    }

    public static ListQuery Query(string query, EntityView? view = null)
    {
        var parsed = QueryParser.List(view ?? View(), Actor, new EntityViews(), Limits, query, out var faults);
        Assert.Empty(faults);
        return parsed!;
    }

    public static List<Fault> Faults(string query)
    {
        var parsed = QueryParser.List(View(), Actor, new EntityViews(), Limits, query, out var faults);
        Assert.Null(parsed);
        return [.. faults];
    }

    public static CheckedBody? Body(string json, BodyKind kind, out List<Fault> faults) =>
        RecordBody.Read(Encoding.UTF8.GetBytes(json), View(), kind, Limits, out faults);

    public static string Text(Sql sql) => sql.Render(Unit, SqlShape.Plain).Text;

    public static FieldModel Field(
        string name,
        FieldType type,
        DataClass dataClass = DataClass.Internal,
        bool required = false,
        string? defaultValue = null,
        int? minLength = null,
        int? maxLength = null,
        decimal? min = null,
        decimal? max = null,
        int? scale = null,
        ImmutableArray<string> values = default,
        string? target = null) => new()
        {
            Name = name,
            Column = SqlName.Of(Snake(name) + (type == FieldType.Reference ? "_id" : "")),
            Type = type,
            Class = dataClass,
            Required = required,
            Default = defaultValue,
            MinLength = minLength,
            MaxLength = maxLength,
            Min = min,
            Max = max,
            Scale = scale,
            Values = values.IsDefault ? [] : values,
            Reference = target is null ? null : new ReferenceModel(target, OnDelete.Restrict, null),
        };

    private static EntityModel Entity(string name, params FieldModel[] fields) => new()
    {
        Name = name,
        Plural = name + "s",
        Table = SqlName.Of(name),
        Fields = [.. fields],
        Commits = [],
        ByName = fields.ToFrozenDictionary(f => f.Name),
        Indexes = [new IndexModel(SqlName.Of(name + "_ssn"), ["ssn"], true)],
        SubjectPath = [],
        Inverses = [],
    };

    private static string Snake(string name) =>
        string.Concat(name.Select(c => char.IsUpper(c) ? "_" + char.ToLowerInvariant(c) : c.ToString()));
}
