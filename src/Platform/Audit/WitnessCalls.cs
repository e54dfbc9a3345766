using System.Globalization;
using System.Net;
using System.Text;
using Bulkhead.Kernel.Audit;
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

            string? fault;
            try
            {
                fault = await AskAsync(witness, witness.Known, retry: true, cancellationToken);
            }
            catch (Exception refused) when (refused is HttpRequestException or TaskCanceledException or IOException
                && !cancellationToken.IsCancellationRequested)
            {
                fault = refused.GetType().Name;
            }

            if (fault is null)
            {
                if (_failing.Remove(witness.Name))
                {
                    LogBack(_log, witness.Name);
                }
            }
            else
            {
                if (failing.Failures == 0)
                {
                    LogFailed(_log, witness.Name, fault);
                }

                // 1, 2, 4 … 64 seconds.
                _failing[witness.Name] = (failing.Failures + 1, now + TimeSpan.FromSeconds(1 << Math.Min(6, failing.Failures)));
            }
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

    /// <returns>What went wrong; null when the witness signed, or there was nothing to sign.</returns>
    private async Task<string?> AskAsync(Witness witness, long known, bool retry, CancellationToken cancellationToken)
    {
        if (await _witnessing.NextAsync(known, cancellationToken) is not { } request)
        {
            return null;
        }

        var body = new StringBuilder().Append(CultureInfo.InvariantCulture, $"old {request.OldSize}\n");
        foreach (var hash in request.Proof)
        {
            body.Append(Convert.ToBase64String(hash)).Append('\n');
        }

        body.Append('\n').Append(request.Note);
        using var content = new StringContent(body.ToString(), Encoding.UTF8, "text/plain");
        using var answer = await _http.PostAsync(new Uri(witness.Url, "add-checkpoint"), content, cancellationToken);
        var text = await answer.Content.ReadAsStringAsync(cancellationToken);
        if (answer.StatusCode == HttpStatusCode.Conflict && retry
            && long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var theirs) && theirs <= request.Size)
        {
            // It knows more than we remember, or nothing any more.
            return theirs == request.Size ? null : await AskAsync(witness, theirs, retry: false, cancellationToken);
        }

        if (answer.StatusCode != HttpStatusCode.OK)
        {
            return $"status {(int)answer.StatusCode}";
        }

        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (await _witnessing.KeepAsync(witness, request, line, cancellationToken))
            {
                return null;
            }
        }

        return "its answer is not signed by the key that we know";
    }

    [LoggerMessage(4101, LogLevel.Warning, "Witness {Witness} did not sign the log of heads ({Fault}); it is asked again.")]
    private static partial void LogFailed(ILogger log, string witness, string fault);

    [LoggerMessage(4102, LogLevel.Information, "Witness {Witness} signs again.")]
    private static partial void LogBack(ILogger log, string witness);
}
