using System.ComponentModel.DataAnnotations;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class WriteRulesTests
{
    [Theory]
    [InlineData("\"0190abcd-0000-7000-8000-000000000001\"", true)]
    [InlineData("W/\"0190abcd-0000-7000-8000-000000000001\"", false)]
    [InlineData("0190abcd-0000-7000-8000-000000000001", false)]
    [InlineData("*", false)]
    [InlineData("", false)]
    [InlineData("\"0190abcd-0000-7000-8000-000000000001\", \"0190abcd-0000-7000-8000-000000000002\"", false)]
    public void Take_one_strong_tag_of_ours_only(string tag, bool accepted) =>
        Assert.Equal(accepted, Preconditions.TryParse(tag, out _));

    [Theory]
    [InlineData("a", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("a b", false)]
    [InlineData("é", false)]
    [InlineData("a\u007f", false)]
    public void Take_visible_ascii_as_idempotency_key(string? key, bool accepted)
    {
        Assert.Equal(accepted, Idempotency.IsValidKey(key));
        Assert.True(Idempotency.IsValidKey(new string('k', 255)));
        Assert.False(Idempotency.IsValidKey(new string('k', 256)));
    }

    [Fact]
    public void Name_the_fields_of_a_unique_index_that_the_actor_knows()
    {
        Assert.Equal("/ssn", Assert.Single(Violations.UniqueFaults(View(), "patient_ssn")).Pointer);
        Assert.Equal("/id", Assert.Single(Violations.UniqueFaults(View(), "patient_pkey")).Pointer);
        Assert.Equal("", Violations.Pointer(View(), "hidden"));
    }

    [Fact]
    public void Digest_ids_whatever_their_order()
    {
        Guid a = new("0190abcd-0000-7000-8000-000000000001"), b = new("0190abcd-0000-7000-8000-000000000002");
        Assert.Equal(Dependents.CountAndDigest([a, b]), Dependents.CountAndDigest([b, a]));
        Assert.StartsWith("2 sha256:", Dependents.CountAndDigest([a, b]), StringComparison.Ordinal);
        Assert.NotEqual(Dependents.CountAndDigest([a]), Dependents.CountAndDigest([b]));
    }

    [Fact]
    public void Refuse_limits_out_of_range()
    {
        Assert.Same(Limits, Limits.Validated());
        Assert.Throws<ValidationException>(() => new DataLimits { MaxPage = 0 }.Validated());
        Assert.Throws<ValidationException>(() => new DataLimits { DefaultPage = 100, MaxPage = 50 }.Validated());
    }

    [Fact]
    public void Give_a_rented_buffer_back_empty()
    {
        using (var buffer = JsonBuffer.Rent())
        {
            buffer.Writer.WriteStringValue(new string('x', 100_000));
            buffer.EndValue();
            Assert.Equal(100_002, buffer.Written.Length);
        }

        using var next = JsonBuffer.Rent();
        Assert.Equal(0, next.Size);
        next.Writer.WriteNumberValue(1);
        Assert.Equal(1, next.EndValue());
        next.Writer.WriteNumberValue(2);
        Assert.Equal(2, next.EndValue());
    }
}
