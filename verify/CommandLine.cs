using System.Collections.Immutable;
using System.Globalization;
using Bulkhead.Verify.Export;

namespace Bulkhead.Verify;

internal static class CommandLine
{
    public const int Holds = 0;
    public const int DoesNotHold = 1;
    public const int CannotBeRead = 2;
    public const int WrongUsage = 64;

    private const string Usage = """
        bulkhead-verify export FILE [--log VKEY]... [--heads VKEY]... [--origin ORIGIN] [--witnesses POLICYFILE] [--json]
                               [--total ATTRIBUTE [--below N] | --each ATTRIBUTE --below N]
        bulkhead-verify count FILE --where CONDITION [--where CONDITION]... [--by NAME] [the other options of export]
        bulkhead-verify split A.note B.note --log VKEY [--proof FILE] [--json]

        export   says what of an export holds, and names what does not; with --total or --each, also that it proves this of committed numbers
        count    verifies an export, then counts the entries that meet all conditions: NAME=VALUE, NAME~PREFIX, at>=TIME, at<TIME;
                 with --by, also how many of them have which value of it: actor.id
        split    says whether two checkpoints are of one history; the proof is a file with one base64 hash a line

        Exit codes: 0 holds; 1 does not hold; 2 cannot be read; 64 wrong usage.
        """;

    public static int Run(string[] args, TextWriter output, TextWriter errors)
    {
        try
        {
            return args switch
            {
                ["export", .. var rest] => VerifyExport(rest, output),
                ["count", .. var rest] => Count(rest, output),
                ["split", .. var rest] => CompareNotes(rest, output),
                ["help" or "--help" or "-h"] => Help(output),
                _ => throw new UsageException("there is no such command"),
            };
        }
        catch (UsageException wrong)
        {
            errors.WriteLine(Printable.Of($"bulkhead-verify: {wrong.Message}"));
            errors.WriteLine(Usage);
            return WrongUsage;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or UnreadableException)
        {
            errors.WriteLine(Printable.Of($"bulkhead-verify: cannot be read: {fault.Message}"));
            return CannotBeRead;
        }
    }

    private static int Help(TextWriter output)
    {
        output.WriteLine(Usage);
        return Holds;
    }

    private static int VerifyExport(string[] args, TextWriter output)
    {
        var options = Options.Read(args, 1, "--log", "--heads", "--origin", "--witnesses", "--total", "--each", "--below");
        var wanted = options.WantedTotal();
        var findings = new Findings();
        var verified = Verify(options, [], findings);
        wanted?.Conclude(verified, findings);
        return Report.Write(findings, options.Json, output);
    }

    private static int Count(string[] args, TextWriter output)
    {
        var options = Options.Read(args, 1, "--log", "--heads", "--origin", "--witnesses", "--where", "--by");
        var conditions = options.Conditions();
        if (conditions.IsEmpty)
        {
            throw new UsageException("count needs at least one --where");
        }

        var findings = new Findings();
        var grouping = options.Grouping();
        var counting = new Counting.Counting(conditions, grouping);
        var verified = Verify(options, [counting], findings);
        counting.Conclude(verified, findings);
        return Report.Write(findings, options.Json, output, new(counting.Count, string.Join(" and ", conditions.Select(c => c.Text)), grouping));
    }

    private static int CompareNotes(string[] args, TextWriter output)
    {
        var options = Options.Read(args, 2, "--log", "--proof");
        var keys = options.Keys("--log");
        if (keys.IsEmpty)
        {
            throw new UsageException("split needs the keys of the log: --log");
        }

        var findings = new Findings();
        ImmutableArray<Hash>? proof = options.One("--proof") is not { } file ? null :
        [
            .. SmallFile.Lines(file).Where(l => l.Length > 0)
                .Select(l => Hash.FromBase64(l) ?? throw new UnreadableException($"{file} is not one base64 hash a line")),
        ];
        Split.Compare(SmallFile.Text(options.Files[0]), SmallFile.Text(options.Files[1]), keys, proof, findings);
        return Report.Write(findings, options.Json, output);
    }

    private static Verified Verify(Options options, IReadOnlyList<IEntryObserver> observers, Findings findings)
    {
        var trust = options.Trust();
        var size = new FileInfo(options.Files[0]).Length;
        var shows = !Console.IsErrorRedirected && size > 0;
        var verified = ExportVerification.Run(
            () => new ExportLines(new FileStream(options.Files[0], FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan)),
            trust,
            observers,
            findings,
            shows ? lines => Show(string.Create(CultureInfo.InvariantCulture, $"{100 * lines.BytesRead / size} %, line {lines.Number}")) : null);
        if (shows)
        {
            Show("");
        }

        return verified;
    }

    private static void Show(string progress) => Console.Error.Write($"\r{progress,-40}\r");
}
