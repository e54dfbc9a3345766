using System.Collections.Immutable;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <param name="Key">Of its cosignatures.</param>
/// <param name="Url">Where it takes <c>add-checkpoint</c> (C2SP tlog-witness).</param>
/// <param name="Known">The size of the log of heads that it signed last; 0 for none.</param>
public sealed record Witness(string Name, NoteKey Key, Uri Url, long Known);

/// <summary>What to ask a witness: to sign the note, which continues what it knows.</summary>
public sealed record WitnessRequest(long OldSize, IReadOnlyList<byte[]> Proof, string Note, long Size);

/// <summary>Which witnesses there are, what each is to sign next, and what it signed. Calling them is not the kernel's.</summary>
public sealed class HeadWitnessing
{
    private readonly TenantPools _pools;
    private readonly AuditLog _log;
    private readonly Catalogue _catalogue;
    private readonly DeployerConnections _deployer;
    private readonly TimeProvider _time;
    private readonly string _control;

    internal HeadWitnessing(TenantPools pools, AuditLog log, Catalogue catalogue, KernelOptions options, TimeProvider time)
    {
        _deployer = new(options);
        _time = time;
        _pools = pools;
        _log = log;
        _catalogue = catalogue;
        _control = new NpgsqlConnectionStringBuilder(options.AppConnection).Database ?? "bulkhead";
    }

    /// <summary>False on a process that was given no deployer's credential: it calls witnesses, and appoints none.</summary>
    public bool IsAvailable => _deployer.IsAvailable;

    /// <summary>Appoints a witness, or gives one that is there another key or address.</summary>
    public Task PutAsync(Actor actor, string requestId, string name, NoteKey key, Uri url, CancellationToken cancellationToken) =>
        ChangeAsync(
            actor,
            requestId,
            "witness.put",
            name,
            async control =>
            {
                // What another key signed is of no use under this one.
                await control.RunAsync(
                    "delete from control.witness where name = $1 and vkey <> $2", cancellationToken, name, key.ToString());
                await control.RunAsync(
                    "insert into control.witness (name, vkey, url) values ($1, $2, $3) on conflict (name) do update set url = excluded.url",
                    cancellationToken, name, key.ToString(), url.ToString());
            },
            cancellationToken);

    /// <summary>What it signed goes with it. Harmless when there is none of the name.</summary>
    public Task RemoveAsync(Actor actor, string requestId, string name, CancellationToken cancellationToken) => ChangeAsync(
        actor,
        requestId,
        "witness.remove",
        name,
        control => control.RunAsync("delete from control.witness where name = $1", cancellationToken, name),
        cancellationToken);

    public async Task<ImmutableArray<Witness>> ListAsync(CancellationToken cancellationToken)
    {
        if (_catalogue.Current.Sealer is null)
        {
            return [];
        }

        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        return
        [
            .. await lease.Connection.ListAsync(
                """
                select w.name, w.vkey, w.url, coalesce(max(c.size), 0) from control.witness w
                left join control.cosignature c on c.witness = w.name group by w.name order by w.name
                """,
                r => new Witness(
                    r.GetString(0),
                    NoteKey.Parse(r.GetString(1)) ?? throw new InvalidOperationException("The key of a witness is none."),
                    new Uri(r.GetString(2)),
                    r.GetInt64(3)),
                cancellationToken),
        ];
    }

    private async Task ChangeAsync(
        Actor actor, string requestId, string action, string name, Func<NpgsqlConnection, Task> change, CancellationToken cancellationToken)
    {
        await using var control = await _deployer.OpenAsync(_control, cancellationToken);
        await using var transaction = await control.BeginTransactionAsync(cancellationToken);
        await change(control);
        await InstallationLog.AppendAsync(
            control,
            actor,
            requestId,
            new AuditEvent(action) { Details = AuditDetails.Of(("witness", name)) },
            _time.GetUtcNow(),
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Null when the witness has signed all that there is.</summary>
    /// <param name="known">The size that the witness says it knows.</param>
    public async Task<WitnessRequest?> NextAsync(long known, CancellationToken cancellationToken)
    {
        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        var trees = await lease.Connection.ListAsync(
            "select size, note from control.head_tree where size > $1", r => (Size: r.GetInt64(0), Note: r.GetString(1)), cancellationToken, known);
        if (trees is not [var tree])
        {
            return null;
        }

        var nodes = await _log.HeadNodesAsync(node => MerkleTree.Consistency(known, tree.Size, node), cancellationToken);
        return new(known, MerkleTree.Consistency(known, tree.Size, nodes), tree.Note, tree.Size);
    }

    /// <summary>Keeps what a witness signed. False when it is not the witness's signature of that note.</summary>
    /// <param name="line">Of the note, as the witness answered it.</param>
    public async Task<bool> KeepAsync(Witness witness, WitnessRequest request, string line, CancellationToken cancellationToken)
    {
        var signed = SignedNote.Parse(request.Note)!;
        if (SignedNote.Parse($"{signed.Text}\n{line}\n") is not { } cosigned || !cosigned.IsSignedBy(witness.Key, out _))
        {
            return false;
        }

        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        await using var transaction = await lease.Connection.BeginTransactionAsync(cancellationToken);
        await lease.Connection.RunAsync(
            "insert into control.cosigned (size, note) values ($1, $2) on conflict do nothing", cancellationToken, request.Size, request.Note);
        await lease.Connection.RunAsync(
            """
            insert into control.cosignature (witness, size, line)
            select $1, $2, $3 where exists (select 1 from control.cosigned where size = $2 and note = $4) on conflict do nothing
            """,
            cancellationToken, witness.Name, request.Size, line, request.Note);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }
}
