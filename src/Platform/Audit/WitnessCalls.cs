using System.Net;
using System.Text;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Bulkhead.Platform.Audit;

/// <summary>
/// Has the witnesses sign the log of heads (C2SP tlog-witness): each gets the newest checkpoint with the proof that it continues what the
/// witness knows. One that does not answer is asked again, and holds up nobody.
/// </summary>
internal sealed partial class WitnessCalls : BackgroundService
{
    private const int MaxAnswer = 16 * 1024;

    // One that answers another size each time is not asked without end.
    private const int MaxAttempts = 3;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly HeadWitnessing _witnessing;
    private readonly TimeProvider _time;
    private readonly ILogger<WitnessCalls> _log;
    private readonly HttpClient _http;
    private readonly Dictionary<string, (int Failures, DateTimeOffset Next)> _failing = new(StringComparer.Ordinal);

    public WitnessCalls(HeadWitnessing witnessing, TimeProvider time, ILogger<WitnessCalls> log)
    {
        _witnessing = witnessing;
        _time = time;
        _log = log;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = TimeSpan.FromSeconds(10),
            MaxResponseContentBufferSize = MaxAnswer,
        };
    }

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    /// <summary>One round. Public to the tests, which do not wait for the time.</summary>
    internal async Task CallAsync(CancellationToken cancellationToken)
    {
        foreach (var witness in await _witnessing.ListAsync(cancellationToken))
        {
            var now = _time.GetUtcNow();
            if (_failing.TryGetValue(witness.Name, out var failing) && failing.Next > now)
            {
                continue;
            }

            WitnessRefusal? refusal;
            try
            {
                refusal = await AskAsync(witness, cancellationToken);
            }
            catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or IOException
                && !cancellationToken.IsCancellationRequested)
            {
                refusal = Refusal(WitnessRefusalKind.Unreachable, null, witness.Known, witness.Known);
            }

            await _witnessing.KeepRefusalAsync(witness, refusal, cancellationToken);
            if (refusal is null)
            {
                if (_failing.Remove(witness.Name))
                {
                    LogBack(_log, witness.Name);
                }

                continue;
            }

            if (refusal.IsOtherHistory && (witness.Refusal?.Kind != refusal.Kind || failing.Failures == 0))
            {
                LogOtherHistory(_log, witness.Name, WitnessSentences.Kind(refusal), refusal.Known, refusal.Size);
            }
            else if (failing.Failures == 0)
            {
                LogFailed(_log, witness.Name, WitnessSentences.Kind(refusal));
            }

            // 1, 2, 4 … 64 seconds.
            _failing[witness.Name] = (failing.Failures + 1, now + TimeSpan.FromSeconds(1 << Math.Min(6, failing.Failures)));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CallAsync(stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                LogFailed(_log, "(all)", fault.GetType().Name);
            }
        }
    }

    /// <returns>Null when the witness signed, or there was nothing to sign.</returns>
    private async Task<WitnessRefusal?> AskAsync(Witness witness, CancellationToken cancellationToken)
    {
        var known = witness.Known;
        for (var attempt = 1; ; attempt++)
        {
            if (await _witnessing.NextAsync(witness, known, cancellationToken) is not { } request)
            {
                return null;
            }

            if (request.IsShrunk)
            {
                return Refusal(WitnessRefusalKind.HeadsLost, null, known, request.Size);
            }

            var (status, text) = await PostAsync(witness, request, cancellationToken);
            if (status == HttpStatusCode.Conflict && AddCheckpoint.SizeOf(text) is { } theirs && theirs != known && attempt < MaxAttempts)
            {
                // It knows more than we remember, or nothing any more.
                known = theirs;
                continue;
            }

            if (status == HttpStatusCode.OK && await _witnessing.KeepAsync(witness, request, text, cancellationToken))
            {
                return null;
            }

            var kind = status switch
            {
                HttpStatusCode.OK => WitnessRefusalKind.Unsigned,
                HttpStatusCode.Forbidden => WitnessRefusalKind.OtherKey,
                HttpStatusCode.NotFound => WitnessRefusalKind.UnknownLog,
                // Of the size that it signed: then the roots differ.
                HttpStatusCode.Conflict when known == request.Size && AddCheckpoint.SizeOf(text) == known => WitnessRefusalKind.SplitView,
                HttpStatusCode.UnprocessableEntity => WitnessRefusalKind.NotContinued,
                _ => WitnessRefusalKind.Refused,
            };
            return Refusal(kind, (int)status, known, request.Size);
        }
    }

    private async Task<(HttpStatusCode Status, string Text)> PostAsync(
        Witness witness, WitnessRequest request, CancellationToken cancellationToken)
    {
        var body = AddCheckpoint.Of(request.OldSize, request.Proof, SignedNote.Parse(request.Note)!);
        using var content = new StringContent($"{body}", Encoding.UTF8, "text/plain");
        using var answer = await _http.PostAsync(new Uri(witness.Url, "add-checkpoint"), content, cancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
    }

    private WitnessRefusal Refusal(WitnessRefusalKind kind, int? status, long known, long size) =>
        new(kind, status, known, size, _time.GetUtcNow());

    [LoggerMessage(4101, LogLevel.Warning, "Witness {Witness} did not sign the log of heads ({Fault}); it is asked again.")]
    private static partial void LogFailed(ILogger log, string witness, string fault);

    [LoggerMessage(4103, LogLevel.Critical,
        "Witness {Witness} knows another history of the log of heads ({Kind}: it signed {Known}, here are {Size}). See ./bulkhead witnesses list")]
    private static partial void LogOtherHistory(ILogger log, string witness, string kind, long known, long size);

    [LoggerMessage(4102, LogLevel.Information, "Witness {Witness} signs again.")]
    private static partial void LogBack(ILogger log, string witness);
}
