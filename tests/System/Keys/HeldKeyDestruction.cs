using System.Net;
using System.Text.Json;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;

namespace Bulkhead.Tests.System.Keys;

/// <summary>Erasure of a tenant that holds its keys itself: it needs nothing of the tenant's service, and leaves nothing of it.</summary>
public sealed class HeldKeyDestruction(HoldingServer server) : IClassFixture<HoldingServer>
{
    [Theory]
    [InlineData(IsolationKind.Shared, true)]
    [InlineData(IsolationKind.Schema, false)]
    [InlineData(IsolationKind.Database, true)]
    public async Task Keys_that_the_tenant_holds_are_destroyed_whether_its_service_answers_or_not(IsolationKind kind, bool answers)
    {
        await using var owner = await server.OnboardAsync($"erased{(int)kind}", kind);
        await owner.RegisterAsync();
        var patient = await owner.AddPatientAsync("P-1");
        if (!answers)
        {
            await owner.Service.KillAsync();
        }

        (await owner.CallAsync("POST", "keys/destroy")).Is(HttpStatusCode.Accepted);
        var done = (await server.SendAsync("POST", $"/operator/v1/tenants/{owner.Slug}/keys/destroy", server.Operator)).Is(HttpStatusCode.OK);
        using var receipt = JsonDocument.Parse(done.Json.GetProperty("receipt").GetProperty("text").GetString()!);
        var keys = receipt.RootElement.GetProperty("keys").EnumerateArray()
            .Select(key => $"{key.GetProperty("key").GetString()}: {key.GetProperty("wrappedBy").GetString()}").Distinct();
        Assert.Equal(["data: held by the tenant", "index: held by the tenant", "rows: tenant key 2", "subject: held by the tenant"], keys);

        await using var catalogue = await server.CatalogueAsync();
        foreach (var table in new[] { "tenant_key", "data_key", "held_key_service", "held_key_root" })
        {
            Assert.Equal(0, await catalogue.ScalarAsync<long>(
                $"select count(*) from control.{table} where tenant_id = $1", default, owner.Id.Value));
        }

        var asked = owner.Service.Lines;
        foreach (var restarted in new[] { false, true })
        {
            if (restarted)
            {
                await server.RestartAsync();
                await owner.SignInAsync();
            }

            foreach (var gone in new[]
            {
                await owner.CallAsync("GET", $"patients/{patient}", role: "admin"), await owner.FindAsync("P-1"), await owner.CreateAsync("P-2"),
            })
            {
                Assert.Equal("keys-destroyed", gone.Is(HttpStatusCode.Gone).Code);
            }
        }

        // Nobody asks the service for what is gone, and nothing can be put in its place.
        Assert.Equal(asked, owner.Service.Lines);
        Assert.Equal(JsonValueKind.Null, (await owner.CallAsync("GET", "keys/service")).Json.GetProperty("registration").ValueKind);
        var again = await owner.CallAsync("PUT", "keys/service", owner.Registration());
        Assert.True((int)again.Status is >= 400 and < 500, again.Text);
        (await server.SendAsync("POST", "/operator/v1/keys/rotate", server.Operator)).Is(HttpStatusCode.OK);
    }
}
