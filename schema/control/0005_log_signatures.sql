-- Signatures of logs that a quantum computer does not break, and what witnesses answered; see docs/formats/audit-log.md, docs/witness.md.

-- ML-DSA-44 beside Ed25519. Null where the platform that made the key lacked it: the next preparation that has it makes one.
alter table control.log_key
    add column post_quantum_public bytea,
    add column post_quantum_sealed bytea,
    add constraint log_key_post_quantum check ((post_quantum_public is null) = (post_quantum_sealed is null));

alter table control.witness add column post_quantum_vkey text unique;

-- Of a witness that did not sign when it was asked last; a signature takes it away.
create table control.witness_refusal (
    witness text primary key references control.witness (name) on delete cascade,
    kind text not null,
    -- Of HTTP; null when no answer came, or it was not asked.
    status int,
    -- The size that it signed: as it says, or as we remember.
    known bigint not null,
    -- The size that it was to sign.
    size bigint not null,
    since timestamptz not null
);
