using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>Login roles, whose passwords PostgreSQL only ever sees as verifiers.</summary>
internal static class Roles
{
    private const string Harmless = "nosuperuser nobypassrls nocreaterole nocreatedb noreplication";

    /// <summary>Name of the group that holds the rights on tenants' tables; only login roles of tenants' databases are its members.</summary>
    public static SqlName Group(string controlDatabase) => SqlName.Of(controlDatabase + "_tenants");

    public static string NewPassword() => System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static async Task EnsureGroupAsync(NpgsqlConnection deployer, SqlName group, CancellationToken cancellationToken)
    {
        if (!await ExistsAsync(deployer, group, cancellationToken))
        {
            await deployer.RunAsync($"create role {group.Quoted} nologin {Harmless}", cancellationToken);
        }
    }

    public static async Task PutLoginAsync(
        NpgsqlConnection deployer, SqlName role, string password, int connectionLimit, CancellationToken cancellationToken)
    {
        var verb = await ExistsAsync(deployer, role, cancellationToken) ? "alter" : "create";
        await deployer.RunAsync(
            $"{verb} role {role.Quoted} login {Harmless} connection limit {connectionLimit} password '{Verifier(password)}'",
            cancellationToken);
    }

    public static async Task<bool> ExistsAsync(NpgsqlConnection deployer, SqlName role, CancellationToken cancellationToken) =>
        await deployer.ScalarAsync<bool>(
            "select exists (select 1 from pg_catalog.pg_roles where rolname = $1)", cancellationToken, role.Value);

    /// <summary>SCRAM-SHA-256 verifier (RFC 5802, RFC 7677) as PostgreSQL stores it: so the password is in no log and no statement.</summary>
    public static string Verifier(string password)
    {
        const int iterations = 4096;
        var salt = RandomNumberGenerator.GetBytes(16);
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, 32);
        var stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var server = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${iterations}:{Convert.ToBase64String(salt)}"
            + $"${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}";
    }
}
