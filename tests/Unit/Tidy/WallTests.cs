using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Bulkhead.Tests.Unit.Tidy;

/// <summary>Who may use whom, and that the compiler keeps it.</summary>
public sealed partial class WallTests
{
    [Theory]
    [InlineData("Kernel")]
    [InlineData("Gateway", "Kernel")]
    [InlineData("Platform", "Kernel")]
    [InlineData("Host", "Gateway", "Platform")]
    public void A_project_references_only_those_below_it(string project, params string[] allowed)
    {
        var file = XDocument.Load(Path.Combine(Sources.Root, "src", project, $"Bulkhead.{project}.csproj"));
        // What is not handed to the compiler is only built beside it (the verifier, which is run and never called).
        var references = file.Descendants("ProjectReference")
            .Where(r => (string?)r.Attribute("ReferenceOutputAssembly") != "false")
            .Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!).Replace("Bulkhead.", "", StringComparison.Ordinal));
        Assert.Equal(allowed.Order(), references.Order());
        Assert.Equal(project != "Kernel", file.Descendants("BansKernelTypes").Any(b => b.Value == "true"));
    }

    [Fact]
    public void Nothing_outside_of_Kernel_names_the_driver()
    {
        var named = Sources.CSharp
            .Where(f => Sources.Relative(f).StartsWith("src/", StringComparison.Ordinal) && !Sources.Relative(f).StartsWith("src/Kernel/", StringComparison.Ordinal))
            .Where(f => Driver().IsMatch(File.ReadAllText(f)))
            .Select(Sources.Relative);
        Assert.Empty(named);
    }

    [Theory]
    [InlineData("Gateway")]
    [InlineData("Platform")]
    [InlineData("Host")]
    public void The_driver_is_not_there_when_the_other_projects_are_compiled(string project)
    {
        var assets = Path.Combine(Sources.Root, "artifacts", "obj", $"Bulkhead.{project}", "project.assets.json");
        using var json = JsonDocument.Parse(File.ReadAllText(assets));
        foreach (var target in json.RootElement.GetProperty("targets").EnumerateObject())
        {
            var driver = target.Value.EnumerateObject().Single(p => p.Name.StartsWith("Npgsql/", StringComparison.Ordinal)).Value;
            Assert.All(driver.GetProperty("compile").EnumerateObject(), c => Assert.EndsWith("/_._", c.Name, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void No_public_type_of_Kernel_shows_the_driver()
    {
        var kernel = typeof(Bulkhead.Kernel.Isolation.TenantDatabase).Assembly;
        var shown = kernel.GetExportedTypes()
            .SelectMany(t => t.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(m => Types(m).Any(t => t.Namespace?.StartsWith("Npgsql", StringComparison.Ordinal) == true
                || t.Namespace?.StartsWith("System.Data", StringComparison.Ordinal) == true))
            .Select(m => $"{m.DeclaringType}.{m.Name}");
        Assert.Empty(shown);
        Assert.DoesNotContain(kernel.GetReferencedAssemblies(), a => a.Name!.StartsWith("Bulkhead", StringComparison.Ordinal));
        Assert.DoesNotContain(
            typeof(Bulkhead.Gateway.EdgeExtensions).Assembly.GetReferencedAssemblies(), a => a.Name is "Bulkhead.Platform" or "Npgsql");
    }

    [Fact]
    public async Task The_ban_bites_on_the_driver_and_on_ciphers()
    {
        var errors = await CompileAsync("""
            using System.Data.Common;
            public static class Probe
            {
                public static object Connect(string c) => new Npgsql.NpgsqlConnection(c);
                public static object Cipher(byte[] k) => new System.Security.Cryptography.AesGcm(k, 16);
                public static void Base(DbConnection c) => c.Open();
                public static object Now() => System.DateTime.UtcNow;
                public static object Fine() => new System.Text.StringBuilder();
            }
            """);
        foreach (var (line, banned) in new[] { (4, "NpgsqlConnection"), (5, "AesGcm"), (6, "DbConnection"), (7, "UtcNow") })
        {
            Assert.Contains(errors, e => e.Contains("RS0030", StringComparison.Ordinal)
                && e.Contains($"({line},", StringComparison.Ordinal) && e.Contains(banned, StringComparison.Ordinal));
        }

        Assert.DoesNotContain(errors, e => e.Contains("(8,", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_banned_type_of_the_driver_and_of_ciphers_exists()
    {
        foreach (var line in Sources.List("build/BannedSymbols.txt").Where(l => l.StartsWith("T:", StringComparison.Ordinal)))
        {
            var name = line[2..].Split(';')[0];
            Assert.True(Find(name) is not null, $"{name} of BannedSymbols.txt is no type: the ban bites nothing");
        }

        static Type? Find(string name) =>
            new[] { DriverAssembly, typeof(System.Security.Cryptography.AesGcm).Assembly, typeof(System.Data.Common.DbConnection).Assembly, typeof(object).Assembly }
                .Select(a => a.GetType(name)).FirstOrDefault(t => t is not null);
    }

    /// <summary>There when the program runs, and not when these tests are compiled.</summary>
    private static Assembly DriverAssembly => Assembly.Load("Npgsql");

    /// <summary>The compiler itself, with the analyzer from the package cache and our list: no restore, no network.</summary>
    private static async Task<string[]> CompileAsync(string source)
    {
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));
        var compiler = Directory.GetDirectories(Path.Combine(dotnet, "sdk")).Order(StringComparer.Ordinal)
            .Select(d => Path.Combine(d, "Roslyn", "bincore", "csc.dll")).Last(File.Exists);
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var analyzers = Directory.GetFiles(
            Directory.GetDirectories(Path.Combine(cache, "microsoft.codeanalysis.bannedapianalyzers")).Order(StringComparer.Ordinal).Last(),
            "*.dll",
            SearchOption.AllDirectories).Where(f => f.Contains($"{Path.DirectorySeparatorChar}cs{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
                && !f.EndsWith(".resources.dll", StringComparison.Ordinal));
        var folder = Directory.CreateTempSubdirectory("bh-ban-");
        try
        {
            var probe = Path.Combine(folder.FullName, "Probe.cs");
            await File.WriteAllTextAsync(probe, source);
            List<string> arguments =
            [
                compiler, "-nologo", "-target:library", "-nullable", $"-out:{Path.Combine(folder.FullName, "probe.dll")}", "-warnaserror+:RS0030",
                $"-additionalfile:{Path.Combine(Sources.Root, "build", "BannedSymbols.txt")}",
                $"-reference:{DriverAssembly.Location}", probe,
            ];
            arguments.AddRange(analyzers.Select(a => $"-analyzer:{a}"));
            arguments.AddRange(Directory.GetFiles(runtime, "*.dll").Where(IsManaged).Select(r => $"-reference:{r}"));
            var start = new ProcessStartInfo(Path.Combine(dotnet, "dotnet"), arguments) { RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return output.Split('\n');
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool IsManaged(string path)
    {
        using var file = new System.Reflection.PortableExecutable.PEReader(File.OpenRead(path));
        return file.HasMetadata;
    }

    private static IEnumerable<Type> Types(MemberInfo member) => member switch
    {
        MethodInfo m => m.GetParameters().Select(p => p.ParameterType).Append(m.ReturnType),
        ConstructorInfo c => c.GetParameters().Select(p => p.ParameterType),
        PropertyInfo p => [p.PropertyType],
        FieldInfo f => [f.FieldType],
        _ => [],
    };

    [GeneratedRegex(@"using Npgsql|\bNpgsql[A-Z]\w*|Npgsql\.(?!EnableSqlRewriting)")]
    private static partial Regex Driver();
}
