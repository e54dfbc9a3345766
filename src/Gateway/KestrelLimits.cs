using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Bulkhead.Gateway;

/// <summary>What the server itself enforces, before a request exists.</summary>
internal sealed class KestrelLimits(IOptions<EdgeOptions> edge) : IConfigureOptions<KestrelServerOptions>
{
    private static readonly TimeSpan RateGrace = TimeSpan.FromSeconds(5);

    public void Configure(KestrelServerOptions options)
    {
        var limits = edge.Value;
        options.AddServerHeader = false;
        options.AllowSynchronousIO = false;
        options.RequestHeaderEncodingSelector = static name =>
            name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase) ? LengthEncoding.Instance : null;
        options.Limits.MaxConcurrentConnections = limits.MaxConnections;
        options.Limits.MaxConcurrentUpgradedConnections = 0;
        options.Limits.MaxRequestBodySize = limits.MaxBodySize;
        // Longer than the edge's own limit, so that its answer, which explains itself, comes first.
        options.Limits.MaxRequestLineSize = (limits.MaxTargetLength * 2) + 1024;
        options.Limits.MaxRequestBufferSize =
            Math.Max(options.Limits.MaxRequestLineSize + limits.MaxHeadersSize, 1 << 20);
        options.Limits.MaxRequestHeadersTotalSize = limits.MaxHeadersSize;
        options.Limits.MaxRequestHeaderCount = limits.MaxHeaders;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(limits.HeaderTimeoutSeconds);
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(limits.KeepAliveSeconds);
        options.Limits.MinRequestBodyDataRate = new(limits.MinDataRate, RateGrace);
        options.Limits.MinResponseDataRate = new(limits.MinDataRate, RateGrace);
        options.Limits.Http2.MaxStreamsPerConnection = limits.MaxStreamsPerConnection;
        options.Limits.Http2.MaxRequestHeaderFieldSize = Math.Min(limits.MaxHeadersSize, 16 << 10);
    }

    /// <summary>
    /// Reads the value of Content-Length, and turns whatever is no digit into what Kestrel then refuses with 400. Without it
    /// <c>+3</c> is a length here and something else at the next reader, which is how requests are smuggled (RFC 9110 section 8.6).
    /// The value is a number when the first middleware sees it: only here is it still text.
    /// </summary>
    private sealed class LengthEncoding : Encoding
    {
        public static readonly LengthEncoding Instance = new();

        public override int GetByteCount(char[] chars, int index, int count) => count;

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
            throw new NotSupportedException("Requests are read with it, nothing is written.");

        public override int GetCharCount(byte[] bytes, int index, int count) => count;

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
        {
            for (var i = 0; i < byteCount; i++)
            {
                var b = bytes[byteIndex + i];
                chars[charIndex + i] = char.IsAsciiDigit((char)b) ? (char)b : 'x';
            }

            return byteCount;
        }

        public override int GetMaxByteCount(int charCount) => charCount;

        public override int GetMaxCharCount(int byteCount) => byteCount;
    }
}
