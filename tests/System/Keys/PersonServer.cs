using Bulkhead.Kernel;
using Bulkhead.Tests.System.Data;

namespace Bulkhead.Tests.System.Keys;

/// <summary>An app whose persons each have a key of their own.</summary>
public sealed class PersonServer() : DataServer(App, Change)
{
    public const string App = """
        app: shop
        version: 1
        title: Practice
        entities:
          place:
            plural: places
            subject: none
            fields:
              name: { type: text, maxLength: 100, class: public }
              safe: { type: text, maxLength: 100, class: secret }
          person:
            plural: people
            subject: self
            keyPerSubject: true
            fields:
              name: { type: text, maxLength: 100, class: personal }
              ssn:  { type: text, maxLength: 30, class: secret, unique: true }
              nick: { type: text, maxLength: 30, class: health, search: equality }
              blood: { type: text, maxLength: 30, class: health }
          visit:
            plural: visits
            subject: person
            fields:
              person: { type: reference, to: person, required: true, onDelete: cascade, inverse: visits }
              place: { type: reference, to: place, onDelete: restrict }
              findings: { type: text, maxLength: 1000, class: health, search: equality }
              room: { type: text, maxLength: 20, class: public }
          bill:
            plural: bills
            subject: visit.person
            fields:
              visit: { type: reference, to: visit, required: true, onDelete: cascade, inverse: bills }
              card: { type: text, maxLength: 30, class: cardholder }
              cents: { type: integer, class: internal }
        roles:
          admin:
            audit: read
            keys: manage
            entities:
              place: { actions: [list, read, create, update, delete], read: all, write: all }
              person: { actions: [list, read, create, update, delete], read: all, write: all }
              visit: { actions: [list, read, create, update, delete], read: all, write: all }
              bill: { actions: [list, read, create, update, delete], read: all, write: all }
          viewer:
            keys: read
            entities:
              person: { actions: [list, read], read: all }
        """;

    private static KernelOptions Change(KernelOptions options) => options with
    {
        KeyAnnouncement = TimeSpan.FromMilliseconds(600),
        CatalogueStale = TimeSpan.FromSeconds(2),
        StatementTimeout = TimeSpan.FromSeconds(2),
        KeyUpkeep = TimeSpan.FromMinutes(1),
    };
}
