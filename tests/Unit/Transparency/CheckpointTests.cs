using Bulkhead.Kernel.Audit.Transparency;

namespace Bulkhead.Tests.Unit.Transparency;

public sealed class CheckpointTests
{
    private const string Root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    [Theory]
    [InlineData($"example.com/behind-the-sofa\n20852163\n{Root}\n")]
    [InlineData($"go.sum database tree\n0\n{Root}\n")]
    [InlineData($"log\n9223372036854775807\n{Root}\ntime 5\nanything at all\n")]
    [InlineData($"log\n1\n{Root}\ntime soon\n")]
    public void A_checkpoint_is_written_as_it_was_read_with_its_extension_lines(string text) =>
        Assert.Equal(text, Checkpoint.Parse(text)!.ToString());

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("log\n1\n")]
    [InlineData($"log\n1\n{Root}")]
    [InlineData($"\n1\n{Root}\n")]
    [InlineData($"log\n01\n{Root}\n")]
    [InlineData($"log\n-1\n{Root}\n")]
    [InlineData($"log\n+1\n{Root}\n")]
    [InlineData($"log\n 1\n{Root}\n")]
    [InlineData($"log\n\n{Root}\n")]
    [InlineData($"log\n1e3\n{Root}\n")]
    [InlineData($"log\n\u0661\n{Root}\n")]
    [InlineData($"log\n9223372036854775808\n{Root}\n")]
    [InlineData($"log\n18446744073709551615\n{Root}\n")]
    [InlineData($"log\n1\n {Root}\n")]
    [InlineData("log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n")]
    [InlineData("log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n")]
    [InlineData("log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n")]
    [InlineData($"log\n1\n{Root}\n\n")]
    [InlineData($"log\n1\n{Root}\n\nmore\n")]
    [InlineData($"log\r\n1\n{Root}\n")]
    [InlineData($"l\tog\n1\n{Root}\n")]
    public void What_is_no_checkpoint_is_refused(string text) => Assert.Null(Checkpoint.Parse(text));

    [Fact]
    public void Origins_and_extension_lines_are_bounded()
    {
        static string Text(int origin, int lines) =>
            $"{new string('o', origin)}\n1\n{Root}\n{string.Concat(Enumerable.Repeat("x\n", lines))}";
        Assert.NotNull(Checkpoint.Parse(Text(255, 17)));
        Assert.Null(Checkpoint.Parse(Text(256, 0)));
        Assert.Null(Checkpoint.Parse(Text(1, 18)));
    }

    [Fact]
    public void The_time_is_what_one_line_says_and_never_what_two_say()
    {
        var at = new DateTimeOffset(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);
        var text = new Checkpoint("log", 5, MerkleTree.EmptyRoot, at.AddMilliseconds(900)).ToString();
        Assert.EndsWith($"\ntime {at.ToUnixTimeSeconds()}\n", text, StringComparison.Ordinal);
        Assert.Equal(at, Checkpoint.Parse(text)!.At);
        Assert.Null(Checkpoint.Parse(text + "time 7\n")!.At);
        Assert.Null(Checkpoint.Parse($"log\n1\n{Root}\ntime 0007\n")!.At);
        Assert.Null(Checkpoint.Parse($"log\n1\n{Root}\ntime 253402300800\n")!.At);
        Assert.NotNull(Checkpoint.Parse($"log\n1\n{Root}\ntime 253402300799\n")!.At);
    }

    [Fact]
    public void A_checkpoint_that_nobody_could_read_is_not_made()
    {
        Assert.Throws<ArgumentException>(() => new Checkpoint("", 1, new byte[32], null));
        Assert.Throws<ArgumentException>(() => new Checkpoint("a\nb", 1, new byte[32], null));
        Assert.Throws<ArgumentException>(() => new Checkpoint("a", -1, new byte[32], null));
        Assert.Throws<ArgumentException>(() => new Checkpoint("a", 1, new byte[31], null));
        Assert.Throws<ArgumentException>(() => new Checkpoint("a", 1, new byte[32], DateTimeOffset.MinValue));
    }
}
