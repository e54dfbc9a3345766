using System.Buffers.Binary;
using System.Security.Cryptography;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Isolation;

/// <summary>The secret token that a transaction presents before PostgreSQL shows it a tenant's rows; 122 random bits.</summary>
internal static class Capability
{
    public static Guid Create()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    /// <summary>What PostgreSQL keeps: SHA-256 of the 16 bytes, as <c>sha256(uuid_send(token))</c> has it.</summary>
    public static byte[] Digest(Guid token) => SHA256.HashData(token.ToByteArray(bigEndian: true));

    public static byte[] Seal(Sealing sealing, TenantId tenant, int generation, Guid token) =>
        sealing.Seal(tenant, SealPurpose.Capability, token.ToByteArray(bigEndian: true), Associated(generation));

    public static Guid Open(Sealing sealing, TenantId tenant, int generation, byte[] sealedToken) =>
        new(sealing.Open(tenant, SealPurpose.Capability, sealedToken, Associated(generation)), bigEndian: true);

    /// <summary>Puts the tenant's only capability into its database, or none, inside the deployer's transaction.</summary>
    public static async Task PutAsync(
        NpgsqlConnection deployer, TenantId tenant, int generation, Guid? token, bool dataOpen, CancellationToken cancellationToken)
    {
        await KeepAsync(deployer, cancellationToken);
        await deployer.RunAsync("delete from guard.capability where tenant_id = $1", cancellationToken, tenant.Value);
        if (token is { } secret)
        {
            await deployer.RunAsync(
                "insert into guard.capability (digest, tenant_id, generation, data_open) values ($1, $2, $3, $4)",
                cancellationToken, Digest(secret), tenant.Value, generation, dataOpen);
        }

        await deployer.RunAsync("select set_config('bulkhead.keeping', 'off', true)", cancellationToken);
    }

    /// <summary>Closes the app's tables for the tenant, or opens them, inside the deployer's transaction; the rest goes on.</summary>
    public static async Task OpenDataAsync(NpgsqlConnection deployer, TenantId tenant, bool open, CancellationToken cancellationToken)
    {
        await KeepAsync(deployer, cancellationToken);
        await deployer.RunAsync(
            "update guard.capability set data_open = $2 where tenant_id = $1", cancellationToken, tenant.Value, open);
        await deployer.RunAsync("select set_config('bulkhead.keeping', 'off', true)", cancellationToken);
    }

    // Both policies are evaluated: the one for those who present something must find something, here a token of nobody.
    private static Task<int> KeepAsync(NpgsqlConnection deployer, CancellationToken cancellationToken) => deployer.RunAsync(
        "select set_config('bulkhead.keeping', 'on', true), set_config('bulkhead.capability', gen_random_uuid()::text, true)",
        cancellationToken);

    private static byte[] Associated(int generation)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, generation);
        return bytes;
    }
}
