using System.Security.Cryptography;
using System.Text;
using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Kernel.Audit;

/// <summary>
/// What stands in a tenant's tree for an entry: SHA-256 of the body, then the commitments. So commitments, and that there are none, can be
/// shown without the body (docs/formats/audit-log.md).
/// </summary>
public static class AuditLeaf
{
    public static byte[] DigestOf(string body) => SHA256.HashData(Encoding.UTF8.GetBytes(body));

    /// <summary>The leaf itself, before it is hashed.</summary>
    /// <param name="digest">Of the body.</param>
    /// <param name="commitments">Canonical JSON; empty for none.</param>
    public static byte[] Of(ReadOnlySpan<byte> digest, string commitments) => [.. digest, .. Encoding.UTF8.GetBytes(commitments)];

    public static byte[] HashOf(ReadOnlySpan<byte> digest, string commitments) => MerkleTree.LeafHash(Of(digest, commitments));

    public static byte[] HashOf(string body, string commitments) => HashOf(DigestOf(body), commitments);
}
