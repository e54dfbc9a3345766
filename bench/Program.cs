using Bulkhead.Bench;
using Bulkhead.Bench.Http;

// The bare endpoint is this program under another first word, so that it runs in a process of its own.
return args is [BareServer.Word, .. var rest]
    ? await BareServer.RunAsync(rest)
    : await BenchOptions.Command(BenchRun.RunAsync).Parse(args).InvokeAsync();
