using System.Diagnostics;
using System.Net.Http.Headers;
using Bulkhead.Kernel.Audit;
using Bulkhead.Tests.System.Data;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>What tests of a log do: write, wait, export, ask the verifier, and be the database's owner.</summary>
public abstract class LogChecks(DataServer server)
{
    protected LogKeys Keys => server.Services.GetRequiredService<LogKeys>();

    protected static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    protected static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    protected static async Task EachAsync(NpgsqlConnection connection, string sql, Action<NpgsqlDataReader> row)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            row(reader);
        }
    }

    internal static async Task<(int Code, string Output)> RunVerifierAsync(string arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Bulkhead.Verify", configuration, "bulkhead-verify.dll"));
        Assert.True(File.Exists(program), program);
        using var process = Process.Start(new ProcessStartInfo("dotnet", $"{program} {arguments}")
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath(),
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }

    protected Guid Id(string tenant) => server.Tenants[tenant].Id.Value;

    protected string Core(string tenant) => server.Tenants[tenant].Placement.Unit.CoreSchema.Quoted;

    protected async Task<NpgsqlConnection> OwnerAsync(string tenant)
    {
        var owner = new NpgsqlConnection(
            server.Cluster.ConnectionString(server.Tenants[tenant].Placement.Unit.Database) + ";Pooling=false");
        await owner.OpenAsync();
        return owner;
    }

    /// <summary>Records, and waits until all that there is has its position.</summary>
    protected async Task WriteAsync(string tenant, int count)
    {
        for (var i = 0; i < count; i++)
        {
            (await server.SendAsync(tenant, "POST", "cities", $$"""{"name":"{{Guid.NewGuid():N}}"}""")).Is(201);
        }

        await SealedAsync(tenant);
    }

    /// <summary>Waits until all that there is has its position, and its head.</summary>
    protected async Task SealedAsync(string tenant)
    {
        await using var owner = await OwnerAsync(tenant);
        for (var i = 0; ; i++)
        {
            var left = await ScalarAsync<long>(
                owner,
                $"select (select count(*) from {Core(tenant)}.audit_entry where tenant_id = '{Id(tenant)}') - (select count(*) from {Core(tenant)}.audit_leaf where tenant_id = '{Id(tenant)}')");
            if (left == 0)
            {
                break;
            }

            Assert.True(i < 600, $"{left} entries are not sealed");
            await Task.Delay(50);
        }

        // And its head is in the log of heads.
        await using var control = new NpgsqlConnection(server.Cluster.ConnectionString("bulkhead") + ";Pooling=false");
        await control.OpenAsync();
        var size = await ScalarAsync<long>(owner, $"select size from {Core(tenant)}.audit_tree where tenant_id = '{Id(tenant)}'");
        for (var i = 0; await ScalarAsync<long>(control, $"select coalesce(max(size), 0) from control.head where tenant_id = '{Id(tenant)}'") < size; i++)
        {
            Assert.True(i < 600, "the head did not come");
            await Task.Delay(50);
        }
    }

    protected async Task<string> ExportAsync(string tenant, string query) =>
        (await server.SendAsync(tenant, "GET", "audit/export" + query)).Is(200).Text;

    protected async Task<byte[]> BytesAsync(string tenant, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/t/{tenant}/api/v1/{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", server.Tokens[(tenant, "admin")]);
        using var answer = await server.Http.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, path);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    protected async Task<(int Code, string Output)> VerifyAsync(string tenant, string export, string options = "")
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, export);
            return await RunVerifierAsync($"export {file} --log {Keys.Find(server.Tenants[tenant].Id)} {options}");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
