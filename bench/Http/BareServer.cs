namespace Bulkhead.Bench.Http;
internal static class BareServer
{
    public const string Word = "bare-server";
    public static Task<int> RunAsync(string[] arguments) => Task.FromResult(arguments.Length);
}
