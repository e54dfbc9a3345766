using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bulkhead.Host.Local;
using Spectre.Console;

namespace Bulkhead.Host.Cli;

/// <summary>Data on stdout, messages on stderr; a table on a terminal, plain columns elsewhere, JSON where asked for.</summary>
internal static class Output
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        // For a terminal or a file, never for HTML.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Option<bool> Json { get; } = new("--json") { Description = "Print JSON", Recursive = true };

    public static Option<string?> Data { get; } = new("--data")
    {
        Description = "Folder of secrets, keys and the private PostgreSQL (default: .bulkhead in the clone)",
        HelpName = "DIR",
        Recursive = true,
    };

    public static DataFolder DataFolder(this ParseResult result) =>
        new(result.GetValue(Data) ?? Environment.GetEnvironmentVariable("BULKHEAD_DATA") ?? Path.Combine(Home(), ".bulkhead"));

    /// <summary>The clone's folder, as the launcher says.</summary>
    public static string Home() => Environment.GetEnvironmentVariable("BULKHEAD_HOME") ?? Environment.CurrentDirectory;

    public static void Write<T>(ParseResult result, T data, Action<T> plain)
    {
        if (result.GetValue(Json))
        {
            // An answer of the API goes out as it came.
            Console.WriteLine(data is JsonNode node ? node.ToJsonString(Format) : JsonSerializer.Serialize(data, Format));
        }
        else
        {
            plain(data);
        }
    }

    /// <summary>How much came so far, on one line of a terminal and nowhere else.</summary>
    public static void Bytes(long count)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r{count / 1024:N0} KiB ");
        }
    }

    public static void Message(string line) => Console.Error.WriteLine(line);

    public static void Table(string[] heads, IEnumerable<string[]> rows)
    {
        if (!Console.IsOutputRedirected)
        {
            var table = new Table().Border(TableBorder.Rounded).AddColumns([.. heads.Select(Markup.Escape)]);
            foreach (var row in rows)
            {
                table.AddRow(row.Select(cell => new Text(cell)));
            }

            AnsiConsole.Write(table);
            return;
        }

        Columns([heads, .. rows]);
    }

    private static void Columns(string[][] all)
    {
        var widths = all[0].Select((_, column) => all.Max(row => row[column].Length)).ToArray();
        foreach (var row in all)
        {
            Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>Says what was not understood, every fault, and where the help is.</summary>
    public static int Misunderstood(ParseResult result)
    {
        foreach (var error in result.Errors)
        {
            Message(error.Message);
        }

        var names = new List<string>();
        for (SymbolResult? at = result.CommandResult; at is CommandResult { Command: not RootCommand } command; at = at.Parent)
        {
            names.Insert(0, command.Command.Name);
        }

        Message($"Help: ./bulkhead {string.Join(' ', names.Append("--help"))}");
        return ExitCode.Usage;
    }

    /// <summary>Runs a command; an expected failure becomes its lines and its exit code.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (ApiFault fault)
        {
            Array.ForEach([.. fault.Lines], Message);
            return fault.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (Exception exception)
        {
            Message(StartFault.LineFor(exception) ?? $"This is a fault of Bulkhead: {exception}");
            return ExitCode.Failed;
        }
    }
}
