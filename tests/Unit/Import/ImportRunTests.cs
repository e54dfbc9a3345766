using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Bulkhead.Host.Cli;
using Bulkhead.Host.Import;

namespace Bulkhead.Tests.Unit.Import;

public sealed class ImportRunTests : IDisposable
{
    private const string Map = """
        mapping: 1
        app: clinic
        files:
          - file: people.csv
            into: patients
            id: Id
            columns: { NAME: lastName, AGE: { field: age, type: integer } }
          - file: visits.csv
            into: encounters
            id: { from: [WHO, DAY] }
            columns: { WHO: { field: patient, type: uuid }, DAY: { field: start, type: date } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("bulkhead-import-").FullName;
    private readonly StandInServer _server = new();
    private readonly FakeTime _time = new();

    public void Dispose()
    {
        _server.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Import_files_in_order_and_change_nothing_the_second_time()
    {
        WritePeople(2_300);
        WriteVisits(3);

        var first = await RunAsync();
        var stored = _server.Records.ToDictionary();
        var second = await RunAsync();

        Assert.Equal(
            [
                new FileSummary("people.csv", "patients", 2_300, 2_300, 0, 0),
                new FileSummary("visits.csv", "encounters", 3, 3, 0, 0),
            ],
            first.Files.AsEnumerable());
        Assert.Equal([(0, 2_300), (0, 3)], second.Files.Select(file => ((int)file.Created, (int)file.Existing)));
        Assert.Equal(stored, _server.Records);
        Assert.Equal("patients patients patients encounters", string.Join(' ', _server.Collections.Take(4)));
    }

    [Fact]
    public async Task Have_at_most_two_chunks_on_their_way()
    {
        WritePeople(6_000);
        WriteVisits(0);
        _server.Pause = TimeSpan.FromMilliseconds(20);

        await RunAsync();

        Assert.Equal(2, _server.MostAtOnce);
    }

    [Fact]
    public async Task Try_again_when_the_server_is_busy_or_the_connection_breaks_and_lose_nothing()
    {
        WritePeople(1_500);
        WriteVisits(2);
        _server.Trouble.Enqueue(() => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable));
        _server.Trouble.Enqueue(() => throw new HttpRequestException("connection reset"));
        _server.Trouble.Enqueue(() => new HttpResponseMessage(HttpStatusCode.TooManyRequests));

        var summary = await RunAsync();

        Assert.Equal(1_502, summary.Files.Sum(file => file.Created));
        Assert.Equal(1_502, _server.Records.Count);
    }

    [Fact]
    public async Task Count_a_chunk_whose_answer_was_lost_as_existing()
    {
        WritePeople(5);
        WriteVisits(0);
        _server.LoseFirstAnswer = true;

        var summary = await RunAsync();

        Assert.Equal(5, summary.Files[0].Existing);
        Assert.Equal(5, _server.Records.Count);
    }

    [Fact]
    public async Task Give_up_after_the_last_attempt()
    {
        WritePeople(1);
        WriteVisits(0);
        _server.Always = () => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);

        var fault = await Assert.ThrowsAsync<ImportFault>(RunAsync);

        Assert.Equal(503, fault.Status);
        Assert.Equal(ImportClient.MaxAttempts, _server.Collections.Count);
    }

    [Fact]
    public async Task Fetch_one_new_token_when_the_old_one_is_refused_and_no_second()
    {
        WritePeople(1);
        WriteVisits(1);
        _server.RevokedTokens.Add("token-1");

        var summary = await RunAsync();

        Assert.Equal(2, summary.Rows);
        Assert.Equal(2, _server.TokensIssued);

        _server.RevokedTokens.UnionWith(Enumerable.Range(1, 99).Select(i => $"token-{i}"));
        Assert.Equal(401, (await Assert.ThrowsAsync<ImportFault>(RunAsync)).Status);
        Assert.Equal(4, _server.TokensIssued);
    }

    [Fact]
    public async Task Renew_a_token_before_it_ends()
    {
        WritePeople(2_500);
        WriteVisits(1);
        _server.OnImport = () => _time.Advance(TimeSpan.FromMinutes(9.6));

        await RunAsync();

        Assert.InRange(_server.TokensIssued, 2, 4);
    }

    [Fact]
    public async Task Stop_at_once_when_the_server_refuses()
    {
        WritePeople(1);
        WriteVisits(1);
        _server.Always = () => new HttpResponseMessage(HttpStatusCode.NotFound)
        {
            Content = new StringContent("""{"code":"not-found","detail":"There is no such collection."}"""),
        };

        var fault = await Assert.ThrowsAsync<ImportFault>(RunAsync);

        Assert.Equal("Refused with 404 not-found. There is no such collection.", fault.Message);
        Assert.Single(_server.Collections);
    }

    [Fact]
    public async Task Write_rejects_of_both_sides_with_line_and_column_and_without_values()
    {
        Write("people.csv", $"Id,NAME,AGE\n{Guid.CreateVersion7()},\"two\nlines\",1\n{Guid.CreateVersion7()},refuse,2\n"
            + $"{Guid.CreateVersion7()},x,old\nshort\n{Guid.CreateVersion7()},y,3\n");
        WriteVisits(0);

        var summary = await RunAsync();

        Assert.Equal(new FileSummary("people.csv", "patients", 5, 2, 0, 3), summary.Files[0]);
        Assert.Equal(
            """
            file,line,column,code,reason
            people.csv,4,NAME,too-long,"At most 5 characters, it says."
            people.csv,5,AGE,invalid-integer,Not a whole number of 64 bits.
            people.csv,6,,field-count,The row has more or fewer fields than the header.

            """,
            await File.ReadAllTextAsync(Rejects));
    }

    [Fact]
    public async Task Leave_no_rejects_file_when_nothing_was_rejected()
    {
        WritePeople(1);
        WriteVisits(1);

        await RunAsync();

        Assert.False(File.Exists(Rejects));
    }

    [Fact]
    public async Task Go_on_after_being_stopped_in_the_middle_and_end_the_same()
    {
        WritePeople(5_000);
        WriteVisits(4);
        using var stop = new CancellationTokenSource();
        _server.OnImport = () =>
        {
            if (_server.Collections.Count == 3)
            {
                stop.Cancel();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(stop.Token));
        Assert.InRange(_server.Records.Count, 1, 4_999);
        await RunAsync();

        Assert.Equal(5_004, _server.Records.Count);
    }

    [Fact]
    public async Task Ask_for_the_description_with_a_token()
    {
        using var client = new ImportClient(Credentials, _time, _server);
        _server.Always = () => new HttpResponseMessage { Content = new StringContent("{}") };

        Assert.Equal("{}", await client.DescribeAsync(CancellationToken.None));
        Assert.Equal(1, _server.TokensIssued);
    }

    [Fact]
    public void Find_missing_files_and_unmapped_columns_before_sending_anything()
    {
        Write("people.csv", "Id,NAME,AGE,EXTRA\n");
        using var client = new ImportClient(Credentials, _time, _server);
        using var rejects = new RejectsFile(Rejects);

        var faults = new ImportRun(Mapping, _folder, client, rejects, _time).Check();

        Assert.Equal(["unmapped-column", "no-file"], faults.Select(fault => fault.Code));
        Assert.Empty(_server.Collections);
    }

    private static ClientCredentials Credentials => new(
        new Uri("http://localhost:1/t/acme"), new Uri("http://localhost:1/t/acme/oauth/token"), "me", "secret");

    private static Mapping Mapping => MappingReader.Read(Map).Mapping!;

    private string Rejects => Path.Combine(_folder, "rejects.csv");

    private Task<ImportSummary> RunAsync() => RunAsync(CancellationToken.None);

    private async Task<ImportSummary> RunAsync(CancellationToken cancellationToken)
    {
        using var client = new ImportClient(Credentials, _time, _server);
        using var rejects = new RejectsFile(Rejects);
        var lines = new ImportProgress.Lines(TextWriter.Null, _time);
        return await new ImportRun(Mapping, _folder, client, rejects, _time).RunAsync(lines, cancellationToken);
    }

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_folder, file), text);

    private void WritePeople(int count) => Write("people.csv", "Id,NAME,AGE\n" + string.Concat(
        Enumerable.Range(1, count).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"00000000-0000-4000-8000-{i:000000000000},n{i},{i % 90}\n"))));

    private void WriteVisits(int count) => Write("visits.csv", "WHO,DAY\n" + string.Concat(
        Enumerable.Repeat("00000000-0000-4000-8000-000000000001,2024-01-01\n", count)));

    /// <summary>Tokens and an import that keeps what it is given; refuses what has "refuse" as its name.</summary>
    private sealed class StandInServer : HttpMessageHandler
    {
        private int _atOnce;

        public ConcurrentDictionary<string, string> Records { get; } = new();

        public ConcurrentQueue<string> Collections { get; } = new();

        public ConcurrentQueue<Func<HttpResponseMessage>> Trouble { get; } = new();

        public Func<HttpResponseMessage>? Always { get; set; }

        public HashSet<string> RevokedTokens { get; } = [];

        public Action OnImport { get; set; } = () => { };

        public TimeSpan Pause { get; set; }

        public bool LoseFirstAnswer { get; set; }

        public int TokensIssued { get; private set; }

        public int MostAtOnce { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/oauth/token", StringComparison.Ordinal))
            {
                Assert.Equal("Basic", request.Headers.Authorization!.Scheme);
                return Json($$"""{"access_token":"token-{{++TokensIssued}}","expires_in":600}""");
            }

            Collections.Enqueue(request.RequestUri.Segments[^2].TrimEnd('/'));
            if (RevokedTokens.Contains(request.Headers.Authorization!.Parameter!))
            {
                return new HttpResponseMessage(HttpStatusCode.Unauthorized);
            }

            if (Always is { } trouble || Trouble.TryDequeue(out trouble))
            {
                return trouble();
            }

            MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _atOnce));
            await Task.Delay(Pause, cancellationToken);
            OnImport();
            cancellationToken.ThrowIfCancellationRequested();
            var answer = Store(await request.Content!.ReadAsStringAsync(cancellationToken));
            Interlocked.Decrement(ref _atOnce);
            if (LoseFirstAnswer)
            {
                LoseFirstAnswer = false;
                throw new HttpRequestException("connection reset");
            }

            return Json(answer);
        }

        private string Store(string body)
        {
            var (created, existing, rejected) = (0, 0, new JsonArray());
            var lines = body.TrimEnd('\n').Split('\n');
            for (var i = 0; i < lines.Length; i++)
            {
                var record = JsonNode.Parse(lines[i])!;
                if ((string?)record["lastName"] == "refuse")
                {
                    rejected.Add(new JsonObject
                    {
                        ["line"] = i + 1,
                        ["code"] = "too-long",
                        ["pointer"] = "/lastName",
                        ["detail"] = "At most 5 characters, it says.",
                    });
                }
                else if (Records.TryAdd((string)record["id"]!, lines[i]))
                {
                    created++;
                }
                else
                {
                    existing++;
                }
            }

            var answer = new JsonObject { ["created"] = created, ["existing"] = existing, ["rejected"] = rejected };
            return answer.ToJsonString();
        }

        private static HttpResponseMessage Json(string text) =>
            new(HttpStatusCode.OK) { Content = new StringContent(text, Encoding.UTF8, "application/json") };
    }

    /// <summary>Delays end at once; the clock moves only when told to.</summary>
    private sealed class FakeTime : TimeProvider
    {
        private TimeSpan _passed;

        public void Advance(TimeSpan by) => _passed += by;

        public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero) + _passed;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }
}
