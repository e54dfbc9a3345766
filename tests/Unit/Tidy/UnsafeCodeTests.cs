using System.Text.RegularExpressions;

namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>The compiler allows it to all of Kernel; only the HSM's functions need it.</summary>
public sealed partial class UnsafeCodeTests
{
    [Fact]
    public void Unsafe_code_is_where_the_HSM_is_called_and_nowhere_else()
    {
        var files = Sources.CSharp.Where(f => Unsafe().IsMatch(File.ReadAllText(f))).Select(Sources.Relative).Order(StringComparer.Ordinal);
        Assert.Equal(["src/Kernel/Keys/Pkcs11/Cryptoki.cs", "src/Kernel/Keys/Pkcs11/CryptokiTypes.cs"], files);
    }

    [GeneratedRegex(@"^\s*(\w+\s+)*unsafe\s+(\w|\{)|^\s*unsafe\s*$", RegexOptions.Multiline)]
    private static partial Regex Unsafe();
}
