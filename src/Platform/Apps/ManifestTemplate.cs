namespace Bulkhead.Platform.Apps;

/// <summary>A small manifest to begin with, for <c>app new NAME</c>.</summary>
public static class ManifestTemplate
{
    /// <summary>False when the name is none for an app: 2 to 31 of a-z, 0-9 and '-', beginning with a letter.</summary>
    public static bool IsName(string name) => ManifestText.IsAppName(name);

    /// <param name="schema">Address or relative path of app.schema.json, for the editor.</param>
    /// <exception cref="ArgumentException">The name is none for an app.</exception>
    public static string Create(string name, string schema)
    {
        if (!IsName(name))
        {
            throw new ArgumentException($"'{name}' is no name for an app.", nameof(name));
        }

        // "null" and "true" are names too, and YAML would read them as something else.
        var title = char.ToUpperInvariant(name[0]) + name[1..].Replace('-', ' ');
        return $$"""
            # yaml-language-server: $schema={{schema}}
            # Check it with: bulkhead app validate app.yaml
            app: "{{name}}"
            version: 1                # raise it with every change
            title: "{{title}}"

            audit:
              readsOf: [health, secret]   # reading a field of these classes leaves an entry in the audit log

            masks:
              lastFour: { keepLast: 4 }   # also: hide, yearOnly

            entities:
              person:
                plural: people
                subject: self             # this is the person that other records are about
                keyPerSubject: true       # each person has a key; destroying it erases what is sealed about the person
                fields:
                  # class says what a field holds: public, internal, personal, health, cardholder or secret
                  firstName: { type: text, required: true, maxLength: 100, class: personal }
                  lastName:  { type: text, required: true, maxLength: 100, class: personal }
                  birthDate: { type: date, class: personal }
                  passport:  { type: text, maxLength: 30, unique: true, class: secret }
                indexes: [[lastName, firstName]]

              note:
                subject: person           # the reference to follow to the person
                fields:
                  person: { type: reference, to: person, required: true, onDelete: cascade, inverse: notes }
                  kind:   { type: enum, values: [call, letter, visit], default: call, class: internal }
                  text:   { type: text, required: true, maxLength: 2000, class: personal, sealed: true }

            roles:                        # what a role does not name does not exist for it
              admin:
                description: Manages all records.
                entities:
                  person: { actions: [list, read, create, update, delete], read: all, write: all }
                  note:   { actions: [list, read, create, update, delete], read: all, write: all }
              clerk:
                description: Writes notes; sees the end of a passport's number.
                entities:
                  person: { actions: [list, read], read: all, mask: { passport: lastFour } }
                  note:   { actions: [list, read, create], read: all, write: all }
              securityOfficer:
                description: Answers for the keys; reads the audit log and no records.
                audit: manage
                keys: manage
                entities: {}
              auditor:
                description: Reads the audit log and no records.
                audit: read
                entities: {}

            """;
    }
}
