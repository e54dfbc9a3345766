using System.Collections.Immutable;
using Bulkhead.Kernel.Audit.Transparency;
using Bulkhead.Kernel.Isolation;
using Bulkhead.Kernel.Tenancy;
using Npgsql;

namespace Bulkhead.Kernel.Audit;

/// <param name="Key">Of its cosignatures, Ed25519.</param>
/// <param name="PostQuantumKey">Of its cosignatures beside them, ML-DSA-44; null when we were told none.</param>
/// <param name="Url">Where it takes <c>add-checkpoint</c> (C2SP tlog-witness).</param>
/// <param name="Known">The size of the log of heads that it signed last; 0 for none.</param>
/// <param name="Refusal">Null when it signed what it was asked last.</param>
public sealed record Witness(string Name, NoteKey Key, NoteKey? PostQuantumKey, Uri Url, long Known, WitnessRefusal? Refusal);

/// <summary>What to ask a witness: to sign the note, which continues what it knows.</summary>
public sealed record WitnessRequest(long OldSize, IReadOnlyList<byte[]> Proof, string Note, long Size)
{
    /// <summary>The witness signed more than there is: it cannot be asked.</summary>
    public bool IsShrunk => OldSize > Size;
}

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
    public Task PutAsync(
        Actor actor, string requestId, string name, NoteKey key, NoteKey? postQuantumKey, Uri url, CancellationToken cancellationToken) =>
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
                    """
                    insert into control.witness (name, vkey, post_quantum_vkey, url) values ($1, $2, nullif($3, ''), $4)
                    on conflict (name) do update set post_quantum_vkey = excluded.post_quantum_vkey, url = excluded.url
                    """,
                    cancellationToken, name, key.ToString(), $"{postQuantumKey}", url.ToString());
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
                select w.name, w.vkey, w.post_quantum_vkey, w.url, coalesce(max(c.size), 0), r.kind, r.status, r.known, r.size, r.since
                from control.witness w
                left join control.cosignature c on c.witness = w.name
                left join control.witness_refusal r on r.witness = w.name
                group by w.name, r.witness order by w.name
                """,
                r => new Witness(
                    r.GetString(0),
                    KeyOf(r.GetString(1)),
                    r.IsDBNull(2) ? null : KeyOf(r.GetString(2)),
                    new Uri(r.GetString(3)),
                    r.GetInt64(4),
                    r.IsDBNull(5) || !Enum.TryParse<WitnessRefusalKind>(r.GetString(5), out var kind)
                        ? null
                        : new(
                            kind, r.IsDBNull(6) ? null : r.GetInt32(6), r.GetInt64(7), r.GetInt64(8), r.GetFieldValue<DateTimeOffset>(9))),
                cancellationToken),
        ];
    }

    private static NoteKey KeyOf(string vkey) =>
        NoteKey.Parse(vkey) ?? throw new InvalidOperationException("The key of a witness is none.");

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
    public async Task<WitnessRequest?> NextAsync(Witness witness, long known, CancellationToken cancellationToken)
    {
        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        var trees = await lease.Connection.ListAsync(
            """
            select t.size, t.note, (select c.note from control.cosigned c join control.cosignature s on s.size = c.size
                where c.size = t.size and s.witness = $1) from control.head_tree t
            """,
            r => (Size: r.GetInt64(0), Note: r.GetString(1), Cosigned: r.IsDBNull(2) ? null : r.GetString(2)),
            cancellationToken,
            witness.Name);
        var (size, note, cosigned) = trees is [var tree] ? tree : (0, "", null);
        if (size < known)
        {
            return new(known, [], note, size);
        }

        // The same size and another root than it signed is to be heard from the witness: it keeps the proof of it.
        if (size == 0 || (size == known && cosigned is not null && RootOf(cosigned).AsSpan().SequenceEqual(RootOf(note))))
        {
            return null;
        }

        if (size == known || known == 0)
        {
            return new(known, [], note, size);
        }

        var nodes = await _log.HeadNodesAsync(node => MerkleTree.Consistency(known, size, node), cancellationToken);
        return new(known, MerkleTree.Consistency(known, size, nodes), note, size);
    }

    /// <summary>Keeps what a witness signed. False when none of it is the witness's signature of that note.</summary>
    /// <param name="answer">Lines of signatures, as the witness answered them.</param>
    public async Task<bool> KeepAsync(Witness witness, WitnessRequest request, string answer, CancellationToken cancellationToken)
    {
        // Only what was checked here: a line that does not hold would spoil the exports of every tenant.
        var note = SignedNote.Parse(request.Note)!;
        if (SignedNote.Parse($"{note.Text}\n{answer}") is not { } signed || signed.Text != note.Text
            || !signed.IsSignedBy(witness.Key, out _))
        {
            return false;
        }

        var ids = new[] { witness.Key, witness.PostQuantumKey }.Where(key => key is not null && signed.IsSignedBy(key, out _));
        var lines = SignedNote.Of(note.Text)
            .With(signed.Signatures.Where(line => ids.Any(key => key!.Name == line.Name && key.Id == line.KeyId)))
            .SignatureLines().TrimEnd('\n');
        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        await using var transaction = await lease.Connection.BeginTransactionAsync(cancellationToken);
        await lease.Connection.RunAsync(
            "insert into control.cosigned (size, note) values ($1, $2) on conflict do nothing", cancellationToken, request.Size, request.Note);
        await lease.Connection.RunAsync(
            """
            insert into control.cosignature (witness, size, line)
            select $1, $2, $3 where exists (select 1 from control.cosigned where size = $2 and note = $4) on conflict do nothing
            """,
            cancellationToken, witness.Name, request.Size, lines, request.Note);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>Keeps why a witness did not sign, for the operator to see; null takes it away. The time of the first such answer stays.</summary>
    public async Task KeepRefusalAsync(Witness witness, WitnessRefusal? refusal, CancellationToken cancellationToken)
    {
        if (refusal is null && witness.Refusal is null)
        {
            return;
        }

        await using var lease = await _pools.OpenSealerAsync(_control, cancellationToken);
        if (refusal is null)
        {
            await lease.Connection.RunAsync("delete from control.witness_refusal where witness = $1", cancellationToken, witness.Name);
            return;
        }

        await lease.Connection.RunAsync(
            """
            insert into control.witness_refusal (witness, kind, status, known, size, since)
            select $1, $2, nullif($3, 0), $4, $5, $6 where exists (select 1 from control.witness where name = $1)
            on conflict (witness) do update set kind = excluded.kind, status = excluded.status, known = excluded.known,
                size = excluded.size,
                since = case when witness_refusal.kind = excluded.kind then witness_refusal.since else excluded.since end
            """,
            cancellationToken,
            witness.Name,
            refusal.Kind.ToString(),
            refusal.Status ?? 0,
            refusal.Known,
            refusal.Size,
            refusal.Since.UtcDateTime);
    }

    private static byte[] RootOf(string note) =>
        SignedNote.Parse(note) is { } signed && Checkpoint.Parse(signed.Text) is { } checkpoint
            ? checkpoint.Root
            : throw new InvalidOperationException("A checkpoint of the log of heads is none.");
}
