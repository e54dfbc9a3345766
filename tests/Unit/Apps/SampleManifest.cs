using System.Text;
using Bulkhead.Platform.Apps;

namespace Bulkhead.Tests.Unit.Apps;

/// <summary>A small manifest without faults, to be broken one piece at a time.</summary>
internal static class SampleManifest
{
    internal const string Text = """
        app: sample
        version: 1
        title: Sample
        audit:
          readsOf: [health]
        masks:
          lastFour: { keepLast: 4 }
          year: yearOnly
          hidden: hide
        entities:
          patient:
            plural: patients
            subject: self
            fields:
              name: { type: text, required: true, maxLength: 100, class: personal }
              ssn: { type: text, maxLength: 20, unique: true, class: secret }
              birthDate: { type: date, class: personal }
              age: { type: integer, class: internal }
          payer:
            fields:
              name: { type: text, maxLength: 50, class: public }
          visit:
            subject: patient
            fields:
              patient: { type: reference, to: patient, required: true, onDelete: restrict, inverse: visits }
              payer: { type: reference, to: payer }
              place: { type: text, class: internal }
              start: { type: timestamp, class: internal }
              note: { type: text, class: health }
              extra: { type: json, class: health }
            indexes: [[start]]
        roles:
          admin:
            entities:
              patient: { actions: [list, read, create, update, delete], read: all, write: all }
              payer: { actions: [list, read, create, update, delete], read: all, write: all }
              visit: { actions: [list, read, create, update, delete], read: all, write: all }
          clerk:
            entities:
              patient: { actions: [list, read], read: [name, ssn, birthDate], mask: { ssn: lastFour, birthDate: year } }
          auditor:
            audit: read
            entities: {}

        """;

    /// <summary>The sample with one piece replaced; the piece must stand in it exactly once.</summary>
    internal static string With(string good, string bad)
    {
        Assert.Equal(2, Text.Split(good).Length);
        return Text.Replace(good, bad, StringComparison.Ordinal);
    }

    internal static AppModel Model(string text = Text)
    {
        var result = ManifestCompiler.Compile(text);
        Assert.Empty(result.Faults);
        return result.Model!;
    }
}

/// <summary>«code» in a text: where a fault is expected. The text without the marks is what is compiled.</summary>
internal static class Marks
{
    internal static (string Text, List<(int Line, int Column, string Code)> Places) Take(string marked)
    {
        var text = new StringBuilder();
        var places = new List<(int, int, string)>();
        var (line, column) = (1, 1);
        for (var i = 0; i < marked.Length; i++)
        {
            if (marked[i] == '«')
            {
                var end = marked.IndexOf('»', i);
                places.Add((line, column, marked[(i + 1)..end]));
                i = end;
                continue;
            }

            text.Append(marked[i]);
            (line, column) = marked[i] == '\n' ? (line + 1, 1) : (line, column + 1);
        }

        return (text.ToString(), places);
    }
}
