using System.Buffers.Text;
using Bulkhead.Kernel.Keys;

namespace Bulkhead.Platform.Keys;

/// <param name="Text">The signed bytes, as UTF-8.</param>
internal sealed record ReceiptView(string Text, string PublicKey, string EcdsaP256, string? MlDsa65, string? WhyNoMlDsa65)
{
    public static ReceiptView? Of(Receipt? receipt) => receipt is null
        ? null
        : new(
            receipt.Text,
            Base64Url.EncodeToString(receipt.PublicKey),
            Base64Url.EncodeToString(receipt.EcdsaP256),
            receipt.MlDsa65 is null ? null : Base64Url.EncodeToString(receipt.MlDsa65),
            receipt.WhyNoMlDsa65);
}
