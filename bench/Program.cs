using Bulkhead.Bench;
using Bulkhead.Bench.Http;
using Bulkhead.Bench.Keys;

// The bare endpoint is this program under another first word, so that it runs in a process of its own; the post-quantum figures need
// another OpenSSL and no PostgreSQL.
return args switch
{
    [BareServer.Word, .. var rest] => await BareServer.RunAsync(rest),
    [PostQuantumFigures.Word] => PostQuantumFigures.Run(),
    _ => await BenchOptions.Command(BenchRun.RunAsync).Parse(args).InvokeAsync(),
};
