namespace Bulkhead.Host.Cli;

/// <summary>An export or a proof of the log as a file: whole, or not there.</summary>
internal static class AuditDownload
{
    /// <param name="what"><c>export</c> or <c>total</c>.</param>
    /// <param name="parameters">Those without a value are left out.</param>
    public static async Task SaveAsync(
        ClientCredentials credentials,
        string what,
        IEnumerable<(string Name, string? Value)> parameters,
        FileInfo file,
        CancellationToken cancellationToken)
    {
        var query = string.Join('&', parameters.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        var url = credentials.Url($"api/v1/audit/{what}" + (query.Length > 0 ? "?" + query : ""));
        using var client = new ApiClient(credentials);
        var part = file.FullName + ".part";
        try
        {
            await using (var stream = File.Create(part))
            {
                await client.DownloadAsync(url, stream, Output.Bytes, cancellationToken);
            }

            // Never a half export under the name that was asked for.
            File.Move(part, file.FullName, overwrite: true);
            file.Refresh();
        }
        finally
        {
            if (Directory.Exists(file.DirectoryName))
            {
                File.Delete(part);
            }
        }
    }
}
