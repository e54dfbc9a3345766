using System.Collections.Immutable;

namespace Bulkhead.Host.Import;

/// <summary>How far a file is.</summary>
/// <param name="Bytes">Read of the file so far, of <paramref name="TotalBytes"/>.</param>
internal sealed record ImportTick(
    string File, string Into, long Rows, long Rejected, long Bytes, long TotalBytes, TimeSpan Elapsed, bool IsLast);

/// <summary>What became of a file's rows; <c>Rows</c> is the sum of the other three.</summary>
internal sealed record FileSummary(string File, string Into, long Rows, long Created, long Existing, long Rejected);

/// <param name="Seconds">Wall time.</param>
internal sealed record ImportSummary(ImmutableArray<FileSummary> Files, double Seconds)
{
    public long Rows => Files.Sum(file => file.Rows);

    public long Rejected => Files.Sum(file => file.Rejected);
}

/// <summary>
/// Imports files in the order of the mapping, since later ones refer to earlier ones. Within a file two chunks are on
/// their way: the server works on one while the other is read and sent.
/// </summary>
internal sealed class ImportRun(
    Mapping mapping, string directory, ImportClient client, RejectsFile rejects, TimeProvider time)
{
    private const int InFlight = 2;

    /// <summary>All that can be known before anything is sent: files, their headers.</summary>
    public ImmutableArray<MappingFault> Check()
    {
        var faults = ImmutableArray.CreateBuilder<MappingFault>();
        foreach (var file in mapping.Files)
        {
            try
            {
                using var stream = Open(file);
                faults.AddRange(CsvChunks.CheckHeader(file, stream));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                faults.Add(new MappingFault(file.Place, "no-file", $"{file.File} cannot be read: {exception.Message}"));
            }
        }

        return [.. faults.OrderBy(fault => fault.Place.Line).ThenBy(fault => fault.Place.Column)];
    }

    /// <param name="progress">Told after each chunk, on the importing thread.</param>
    /// <exception cref="ImportFault">What was answered until then is in; run again to go on.</exception>
    public async Task<ImportSummary> RunAsync(IProgress<ImportTick> progress, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var files = ImmutableArray.CreateBuilder<FileSummary>(mapping.Files.Length);
        foreach (var file in mapping.Files)
        {
            files.Add(await ImportFileAsync(file, progress, cancellationToken));
        }

        return new ImportSummary(files.ToImmutable(), time.GetElapsedTime(started).TotalSeconds);
    }

    private async Task<FileSummary> ImportFileAsync(
        FileMapping file, IProgress<ImportTick> progress, CancellationToken cancellationToken)
    {
        using var stream = Open(file);
        var total = stream.Length;
        var started = time.GetTimestamp();
        var summary = new FileSummary(file.File, file.Into, 0, 0, 0, 0);
        var sent = new Queue<(ImportChunk Chunk, Task<ChunkAnswer> Answer)>(InFlight);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            foreach (var chunk in CsvChunks.Read(mapping.App, file, stream))
            {
                if (sent.Count == InFlight)
                {
                    await FinishAsync();
                }

                sent.Enqueue((chunk, SendAsync(file, chunk, stop.Token)));
            }

            while (sent.Count > 0)
            {
                await FinishAsync();
            }
        }
        finally
        {
            // Nothing stays on its way when the import stops: an answer nobody reads would be an unobserved fault.
            await stop.CancelAsync();
            await Task.WhenAll(sent.Select(item => item.Answer.ContinueWith(
                _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default)));
        }

        Report(total, isLast: true);
        return summary;

        async Task FinishAsync()
        {
            var (chunk, answer) = sent.Peek();
            var result = await answer;
            sent.Dequeue();
            summary = Add(file, summary, chunk, result);
            Report(chunk.Consumed, isLast: false);
        }

        void Report(long bytes, bool isLast) => progress.Report(new ImportTick(
            file.File, file.Into, summary.Rows, summary.Rejected, bytes, total, time.GetElapsedTime(started), isLast));
    }

    private async Task<ChunkAnswer> SendAsync(FileMapping file, ImportChunk chunk, CancellationToken cancellationToken)
    {
        if (chunk.Lines.IsEmpty)
        {
            return new ChunkAnswer(0, 0, []);
        }

        var source = string.Create(null, $"{file.File} lines {chunk.Lines[0]} to {chunk.Lines[^1]}");
        return await client.PostAsync(file.Into, chunk.Ndjson, source, cancellationToken);
    }

    private FileSummary Add(FileMapping file, FileSummary summary, ImportChunk chunk, ChunkAnswer answer)
    {
        var refused = answer.Rejected.Select(reject => Translate(file, chunk, reject)).ToList();
        rejects.Add(file.File, chunk.Rejects.Concat(refused).OrderBy(reject => reject.Line));
        var rejectedRows = chunk.RejectedRows + answer.Rejected.Select(reject => reject.Line).Distinct().Count();
        return summary with
        {
            Rows = summary.Rows + chunk.Lines.Length + chunk.RejectedRows,
            Created = summary.Created + answer.Created,
            Existing = summary.Existing + answer.Existing,
            Rejected = summary.Rejected + rejectedRows,
        };
    }

    /// <summary>From a line of the request and a field to the line and column of the file.</summary>
    private static Reject Translate(FileMapping file, ImportChunk chunk, ServerReject reject)
    {
        var line = reject.Line >= 1 && reject.Line <= chunk.Lines.Length ? chunk.Lines[reject.Line - 1] : 0;
        var field = reject.Pointer.TrimStart('/').Split('/')[0];
        var column = field == "id" && !file.Id.Derived
            ? file.Id.Columns[0].Name
            : file.Columns.FirstOrDefault(candidate => candidate.Field == field)?.Column ?? "";
        return new Reject(line, column, reject.Code, reject.Detail);
    }

    private FileStream Open(FileMapping file)
    {
        // CsvRows reads in large pieces: a buffer of the stream's own would only copy.
        var path = Path.Combine(directory, file.File);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
    }
}
