using System.Security.Cryptography;
using Bulkhead.Kernel.Audit;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Bulkhead.Tests.System.Infrastructure;
using Npgsql;

namespace Bulkhead.Tests.System.Audit;

/// <summary>The owner of the database does not get the platform to sign a log that it did not write, or had signed otherwise.</summary>
public sealed class SetBackTests(TwoTenantsEach two) : IClassFixture<TwoTenantsEach>
{
    private static readonly string[] Tables = ["audit_tree", "audit_tile", "audit_leaf"];

    [Theory, ClassData(typeof(EveryIsolation))]
    public Task A_tree_that_another_key_signed_is_not_signed_further(IsolationKind kind) => AnotherKeyAsync(kind, isCalledTheLogs: false);

    [Theory, ClassData(typeof(EveryIsolation))]
    public Task Nor_when_the_database_calls_that_key_the_logs(IsolationKind kind) => AnotherKeyAsync(kind, isCalledTheLogs: true);

    private async Task AnotherKeyAsync(IsolationKind kind, bool isCalledTheLogs)
    {
        var (writer, _) = two.Of(kind);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        await using var control = await two.Installation.AsDeployerAsync("bulkhead");
        await using var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database);
        var (core, tenant) = (writer.Unit.CoreSchema.Quoted, writer.Id.Value);
        var honest = await owner.ScalarAsync<string>($"select checkpoint from {core}.audit_tree where tenant_id = $1", default, tenant) ?? "";
        var known = await control.ScalarAsync<byte[]>("select public_key from control.log_key where tenant_id = $1", default, tenant) ?? [];

        var seed = RandomNumberGenerator.GetBytes(32);
        var text = SignedNote.Parse(honest)!.Text;
        var mine = NoteKey.Of(LogKeys.OriginOf(writer.Id), NoteSignatureKind.Ed25519, Ed25519.PublicKey(seed));
        await PutAsync(isCalledTheLogs ? Ed25519.PublicKey(seed) : known, $"{SignedNote.Of(text).With([SignedNote.Sign(text, mine, seed)])}");
        await writer.AddPatientAsync(Guid.CreateVersion7());
        Assert.Contains("not the one that was signed", await RefusalAsync(writer), StringComparison.Ordinal);

        await PutAsync(known, honest);
        await two.SettleAsync();

        async Task PutAsync(byte[] key, string note)
        {
            await control.RunAsync("update control.log_key set public_key = $2 where tenant_id = $1", default, tenant, key);
            await owner.RunAsync($"update {core}.audit_tree set checkpoint = $2 where tenant_id = $1", default, tenant, note);
            await two.Installation.Service<Catalogue>().RefreshAsync(default);
        }
    }

    [Theory, ClassData(typeof(EveryIsolation))]
    public async Task A_log_that_was_set_back_to_what_was_signed_before_is_not_signed_another_way(IsolationKind kind)
    {
        var (writer, _) = two.Of(kind);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        await using var owner = await two.Installation.AsDeployerAsync(writer.Unit.Database);
        var before = await KeepAsync(owner, writer, "before");
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        var after = await KeepAsync(owner, writer, "after");

        await PutBackAsync(owner, writer, before);
        Assert.Contains("was set back", await RefusalAsync(writer), StringComparison.Ordinal);

        await PutBackAsync(owner, writer, after);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
    }

    [Fact]
    public async Task A_log_of_heads_that_was_set_back_is_not_signed_another_way()
    {
        var (writer, _) = two.Of(IsolationKind.Schema);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        await two.Sealing.SealAsync(default);
        await using var owner = await two.Installation.AsDeployerAsync("bulkhead");
        string[] tables = ["head", "head_tile", "head_tree"];
        await CopyAsync("control.{0}", "public.before_{0}", make: true);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();
        await two.Sealing.SealAsync(default);
        await CopyAsync("control.{0}", "public.after_{0}", make: true);
        await CopyAsync("public.before_{0}", "control.{0}", make: false);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        Exception? refusal = null;
        for (var i = 0; i < 100 && refusal is null; i++)
        {
            refusal = await Record.ExceptionAsync(() => two.Sealing.SealAsync(default));
            await Task.Delay(20);
        }

        Assert.Contains("was set back", Assert.IsType<InvalidOperationException>(refusal).Message, StringComparison.Ordinal);

        await CopyAsync("public.after_{0}", "control.{0}", make: false);
        await writer.AddPatientAsync(Guid.CreateVersion7());
        await two.SettleAsync();

        async Task CopyAsync(string from, string to, bool make)
        {
            foreach (var table in tables)
            {
                var (source, target) = (string.Format(null, from, table), string.Format(null, to, table));
                await owner.RunAsync(make ? $"create table {target} as table {source}" : $"delete from {target}", default);
                await (make ? Task.CompletedTask : owner.RunAsync($"insert into {target} select * from {source}", default));
            }
        }
    }

    private static async Task<string> KeepAsync(NpgsqlConnection owner, Tenant writer, string name)
    {
        var prefix = $"public.\"{name}_{writer.Id.Value:N}_";
        foreach (var table in Tables)
        {
            await owner.RunAsync($"create table {prefix}{table}\" as select * from {writer.Unit.CoreSchema.Quoted}.{table} where tenant_id = '{writer.Id}'", default);
        }

        return prefix;
    }

    private static async Task PutBackAsync(NpgsqlConnection owner, Tenant writer, string prefix)
    {
        foreach (var table in Tables)
        {
            await owner.RunAsync($"delete from {writer.Unit.CoreSchema.Quoted}.{table} where tenant_id = '{writer.Id}'", default);
            await owner.RunAsync($"insert into {writer.Unit.CoreSchema.Quoted}.{table} select * from {prefix}{table}\"", default);
        }
    }

    /// <summary>What the sealer says when it seals no more; the horizon may lie behind for a moment, and then there is nothing to seal yet.</summary>
    private async Task<string> RefusalAsync(Tenant writer)
    {
        for (var i = 0; i < 100; i++)
        {
            if (await Record.ExceptionAsync(() => two.SealOnlyAsync(writer)) is InvalidOperationException { Message: not "Nothing to seal." } refusal)
            {
                return refusal.Message;
            }

            await Task.Delay(20);
        }

        return "it was signed";
    }
}
