using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>One page in a headless Chromium, driven by its DevTools protocol.</summary>
internal sealed class BrowserPage : IAsyncDisposable
{
    private readonly Process _browser;
    private readonly DirectoryInfo _profile;
    private readonly ClientWebSocket _socket = new();
    private int _calls;

    private BrowserPage(Process browser, DirectoryInfo profile)
    {
        _browser = browser;
        _profile = profile;
    }

    public static async Task<BrowserPage> OpenAsync(string url)
    {
        var profile = Directory.CreateTempSubdirectory("bh-browser-");
        string[] flags =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", $"--user-data-dir={profile.FullName}",
            "--window-size=1280,1400", url,
        ];
        var browser = Process.Start(new ProcessStartInfo(BrowserFactAttribute.Browser, flags)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var page = new BrowserPage(browser, profile);
        string? line;
        do
        {
            line = await browser.StandardError.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60))
                ?? throw new InvalidOperationException("The browser ended.");
        }
        while (!line.StartsWith("DevTools listening on ", StringComparison.Ordinal));

        var port = new Uri(line["DevTools listening on ".Length..]).Port;
        using var http = new HttpClient();
        for (; ; await Task.Delay(100))
        {
            var targets = await http.GetFromJsonAsync<JsonElement>(
                new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/json/list")));
            var target = targets.EnumerateArray().FirstOrDefault(t => t.GetProperty("type").GetString() == "page");
            if (target.ValueKind == JsonValueKind.Object)
            {
                await page._socket.ConnectAsync(new Uri(target.GetProperty("webSocketDebuggerUrl").GetString()!), default);
                return page;
            }
        }
    }

    /// <summary>Repeats until the expression is true, for half a minute at most.</summary>
    public async Task WaitForAsync(string expression)
    {
        var started = Stopwatch.GetTimestamp();
        while (await EvaluateAsync($"String(Boolean({expression}))") != "true")
        {
            Assert.True(
                Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(30),
                $"Never true: {expression}\n{await EvaluateAsync("document.body.innerText")}");
            await Task.Delay(100);
        }
    }

    public async Task<string> EvaluateAsync(string expression)
    {
        var answer = await CallAsync("Runtime.evaluate", new { expression, returnByValue = true, awaitPromise = true });
        // Between two documents there is nothing to evaluate in: no value then, and who waits asks again.
        return answer.TryGetProperty("result", out var outer)
            && outer.TryGetProperty("result", out var result)
            && result.TryGetProperty("value", out var value)
                ? value.ToString()
                : "";
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        _browser.Kill(entireProcessTree: true);
        await _browser.WaitForExitAsync();
        _browser.Dispose();
        _profile.Delete(recursive: true);
    }

    private async Task<JsonElement> CallAsync(string method, object parameters)
    {
        var id = ++_calls;
        await _socket.SendAsync(
            Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { id, method, @params = parameters })),
            WebSocketMessageType.Text, endOfMessage: true, default);
        while (true)
        {
            var message = await ReceiveAsync();
            if (message.TryGetProperty("id", out var known) && known.GetInt32() == id)
            {
                return message;
            }
        }
    }

    private async Task<JsonElement> ReceiveAsync()
    {
        using var whole = new MemoryStream();
        var buffer = new byte[64 * 1024];
        WebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer, default);
            whole.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);

        whole.Position = 0;
        return (await JsonDocument.ParseAsync(whole)).RootElement;
    }
}
