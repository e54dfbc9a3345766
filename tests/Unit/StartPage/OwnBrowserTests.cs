using System.Net;
using Bulkhead.Host.StartPage;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Tests.Unit.StartPage;

public sealed class OwnBrowserTests
{
    [Theory]
    [InlineData("localhost:8080")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("[::1]:8080")]
    public void Serve_a_browser_of_this_machine(string host) =>
        Assert.True(OwnBrowser.MayAsk(Request(host: host)));

    [Fact]
    public void Refuse_another_machine() => Assert.False(OwnBrowser.MayRead(Request(remote: "192.0.2.7")));

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost.evil.example:8080")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("192.0.2.7:8080")]
    [InlineData("")]
    public void Refuse_a_foreign_name_that_resolves_to_this_machine(string host) =>
        Assert.False(OwnBrowser.MayRead(Request(host: host)));

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Sec-Fetch-Site", "same-site")]
    [InlineData("Origin", "http://evil.example")]
    [InlineData("Origin", "http://localhost:9090")]
    [InlineData("Origin", "null")]
    [InlineData("X-Forwarded-For", "192.0.2.7")]
    [InlineData("Forwarded", "for=192.0.2.7")]
    public void Refuse_what_a_page_of_another_site_or_a_proxy_sends(string header, string value)
    {
        var context = Request();
        context.Request.Headers[header] = value;
        Assert.False(OwnBrowser.MayRead(context));
        Assert.False(OwnBrowser.MayAsk(context));
    }

    [Fact]
    public void Refuse_to_give_a_token_without_the_header_that_a_form_cannot_send()
    {
        var context = Request();
        context.Request.Headers.Remove(OwnBrowser.Header);
        Assert.True(OwnBrowser.MayRead(context));
        Assert.False(OwnBrowser.MayAsk(context));
    }

    private static DefaultHttpContext Request(string host = "localhost:8080", string remote = "127.0.0.1")
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(remote);
        context.Request.Scheme = "http";
        context.Request.Headers.Host = host;
        context.Request.Headers["Sec-Fetch-Site"] = "same-origin";
        context.Request.Headers[OwnBrowser.Header] = "1";
        return context;
    }
}
