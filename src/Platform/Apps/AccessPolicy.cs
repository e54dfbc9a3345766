using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace Bulkhead.Platform.Apps;

/// <summary>
/// What an app's version says about who may do what, and what of it is recorded, as canonical JSON (RFC 8785): names are ASCII, so that they
/// are sorted by their bytes. Versions with the same rules have the same text. Entries have its SHA-256.
/// </summary>
internal static class AccessPolicy
{
    internal static string DigestOf(AppModel app) => Base64Url.EncodeToString(SHA256.HashData(TextOf(app)));

    internal static byte[] TextOf(AppModel app)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("audit");
            var amounts = app.Entities.SelectMany(entity => entity.Commits).Select(field => field.Attribute);
            Names(json, "commits", app.Commits.Concat(amounts));
            Names(json, "readsOf", app.AuditedReads.Select(ManifestWords<DataClass>.WordOf));
            Names(json, "values", app.RecordedValues.Select(ManifestWords<DataClass>.WordOf));
            json.WriteEndObject();
            Each(json, "classes", app.ByName, entity =>
            {
                foreach (var field in entity.Fields.OrderBy(field => field.Name, StringComparer.Ordinal))
                {
                    json.WriteString(field.Name, ManifestWords<DataClass>.WordOf(field.Class));
                }
            });
            Each(json, "roles", app.Roles, role => Role(json, role));
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Role(Utf8JsonWriter json, RoleModel role)
    {
        json.WriteString("audit", ManifestWords<AuditGrant>.WordOf(role.Audit));
        Each(json, "entities", role.Grants, grant =>
        {
            Names(json, "actions", Enum.GetValues<EntityActions>()
                .Where(action => action != EntityActions.None && grant.Actions.HasFlag(action)).Select(ManifestWords<EntityActions>.WordOf));
            json.WriteStartObject("masks");
            foreach (var (field, mask) in grant.Masks.OrderBy(mask => mask.Key, StringComparer.Ordinal))
            {
                json.WriteStartObject(field);
                json.WriteNumber("keep", mask.Keep);
                json.WriteString("kind", ManifestWords<MaskKind>.WordOf(mask.Kind));
                json.WriteEndObject();
            }

            json.WriteEndObject();
            Names(json, "reads", grant.Readable);
            Names(json, "writes", grant.Writable);
        });
        json.WriteString("keys", ManifestWords<KeysGrant>.WordOf(role.Keys));
    }

    private static void Each<T>(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, T>> all, Action<T> write)
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in all.OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject(key);
            write(value);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Names(Utf8JsonWriter json, string name, IEnumerable<string> names)
    {
        json.WriteStartArray(name);
        foreach (var one in names.Order(StringComparer.Ordinal))
        {
            json.WriteStringValue(one);
        }

        json.WriteEndArray();
    }
}
