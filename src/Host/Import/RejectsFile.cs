using System.Globalization;
using System.Text;

namespace Bulkhead.Host.Import;

/// <summary>
/// Rows that could not be imported, as CSV with the columns file, line, column, code and reason. Never holds a value.
/// Created with the first reject and written as the import goes, so that it says the truth after a kill too.
/// </summary>
internal sealed class RejectsFile(string path) : IDisposable
{
    private const string Head = "file,line,column,code,reason";
    private StreamWriter? _writer;

    public string Path => path;

    /// <summary>False as long as there are no rejects; the file is not touched then.</summary>
    public bool IsOpen => _writer is not null;

    /// <summary>Removes the rejects of an earlier run, which would read as this one's; another file of that name stays.</summary>
    public void DropEarlier()
    {
        if (File.Exists(path) && File.ReadLines(path).FirstOrDefault() == Head)
        {
            File.Delete(path);
        }
    }

    public void Add(string file, IEnumerable<Reject> rejects)
    {
        foreach (var reject in rejects)
        {
            if (_writer is null)
            {
                _writer = new StreamWriter(path, append: false, new UTF8Encoding(false)) { NewLine = "\n" };
                _writer.WriteLine(Head);
            }

            var line = reject.Line.ToString(CultureInfo.InvariantCulture);
            _writer.WriteLine(string.Join(
                ',', Quoted(file), line, Quoted(reject.Column), Quoted(reject.Code), Quoted(reject.Reason)));
        }

        _writer?.Flush();
    }

    public void Dispose() => _writer?.Dispose();

    private static string Quoted(string text)
    {
        if (text.Length > 0 && text[0] is '=' or '+' or '-' or '@' or '\t')
        {
            // A spreadsheet would run it as a formula; column names come from the imported file.
            text = "'" + text;
        }

        return text.AsSpan().ContainsAny(",\"\r\n")
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
    }
}
