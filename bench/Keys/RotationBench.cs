using System.Globalization;
using System.Text;
using Bulkhead.Bench.Measure;
using Bulkhead.Bench.Servers;

namespace Bulkhead.Bench.Keys;

/// <summary>The keys of many tenants rotated, beside a bare loop of as many changes.</summary>
internal static class RotationBench
{
    private const string Bare = "bare loop of as many UPDATEs";

    public static async Task<IReadOnlyList<Measured>> RunAsync(
        PrivatePostgres postgres, TrialToken? token, BenchOptions options, Action<string> progress, CancellationToken cancellationToken)
    {
        progress($"making the keys of {options.Rotated} tenants, wrapped by files");
        await using var plain = await PlainRotation.CreateAsync(postgres, options.Rotated, cancellationToken);
        await using var file = await RotatedInstallation.CreateAsync(postgres, "file", null, options.Rotated, cancellationToken);
        RotatedInstallation? hsm = null;
        try
        {
            if (token is not null)
            {
                progress($"making the keys of {options.Rotated} tenants, wrapped by the HSM");
                hsm = await RotatedInstallation.CreateAsync(
                    postgres, "hsm", await token.AddAsync("rotation", cancellationToken), options.Rotated, cancellationToken);
            }

            var measured = new List<Measured>();
            foreach (var group in Groups(plain, file, hsm, options.Rotated))
            {
                measured.Add(await Interleaved.RunAsync(
                    group, options with { Concurrency = 1 }, postgres.Postmaster, progress, cancellationToken, VacuumAsync));
            }

            return measured;
        }
        finally
        {
            if (hsm is not null)
            {
                await hsm.DisposeAsync();
            }
        }

        async Task VacuumAsync()
        {
            await plain.VacuumAsync(cancellationToken);
            await file.VacuumAsync(cancellationToken);
            await (hsm?.VacuumAsync(cancellationToken) ?? Task.CompletedTask);
        }
    }

    /// <summary>The same in seconds.</summary>
    public static string InSeconds(IEnumerable<Measured> all)
    {
        var text = new StringBuilder("Whole rotations, seconds (median of the rounds):");
        foreach (var measured in all)
        {
            foreach (var variant in measured.Group.Variants)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n- {measured.Group.Title}, {variant.Name}: ")
                    .Append(CultureInfo.InvariantCulture, $"{measured.Of(variant, s => s.P50).Median / 1e6:0.00}");
            }
        }

        return text.ToString();
    }

    private static IEnumerable<Group> Groups(PlainRotation plain, RotatedInstallation file, RotatedInstallation? hsm, int tenants)
    {
        var missing = hsm is null ? $" {TrialToken.Missing}." : "";
        yield return new(
            "Root rotation",
            $"An operation is the whole rotation: a new root, and {2 * tenants} keys of {tenants} tenants wrapped under it, in "
            + $"transactions of 200; the tenants go on as before meanwhile. Bare: {2 * tenants} UPDATEs of rows of the same width.{missing}",
            [
                Whole(Bare, null, plain.RewrapAsync),
                Whole("Bulkhead, file", Bare, file.RotateRootAsync),
                .. hsm is null ? Array.Empty<Variant>() : [Whole("Bulkhead, HSM (SoftHSM)", Bare, hsm.RotateRootAsync)],
            ]);
        yield return new(
            "Tenant key rotation",
            $"An operation is a new key for each of {tenants} tenants, one after the other: a transaction for each, made durable, in "
            + $"which its data key is wrapped under the new one. Bare: {tenants} transactions of three "
            + $"UPDATEs.{missing}",
            [
                Whole(Bare, null, plain.ReplaceAsync),
                Whole("Bulkhead, file", Bare, file.RotateTenantKeysAsync),
                .. hsm is null ? Array.Empty<Variant>() : [Whole("Bulkhead, HSM (SoftHSM)", Bare, hsm.RotateTenantKeysAsync)],
            ]);
    }

    private static Variant Whole(string name, string? comparedWith, Func<CancellationToken, Task> rotate) => new(
        name,
        comparedWith,
        new CallLoad((_, stop) => rotate(stop)),
        () => ProcessTime.OfProcess(Environment.ProcessId),
        InProcess: true);
}
