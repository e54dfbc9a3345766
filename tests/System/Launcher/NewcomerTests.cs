using System.Text.Json;
using System.Text.RegularExpressions;

namespace Bulkhead.Tests.System.Launcher;

/// <summary>The first ten minutes with the product, as the README and the documents promise them.</summary>
public sealed partial class NewcomerTests(RunningProgram program) : IClassFixture<RunningProgram>
{
    public static TheoryData<string> Tenants => ["northside", "riverside", "summit"];

    [Fact]
    public async Task Print_a_ready_line_and_three_examples_that_work_when_pasted()
    {
        Assert.Matches($"(?m)^ready {Regex.Escape(program.Url)}$", program.Output);
        var examples = program.Output.Split('\n').Where(l => l.StartsWith("curl ", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, examples.Count);
        foreach (var example in examples)
        {
            var (code, answer, error) = await RunningProgram.ShellAsync(example);
            Assert.True(code == 0, error);
            Assert.NotEqual(0, JsonDocument.Parse(answer).RootElement.GetProperty("data").GetArrayLength());
        }
    }

    [Fact]
    public void Write_the_clients_of_every_tenant_into_a_file_that_only_its_owner_reads()
    {
        var mode = File.GetUnixFileMode(Path.Combine(program.Data, "dev.json"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, mode);
        Assert.Equal(program.Url, program.DevFile.GetProperty("baseUrl").GetString());
        Assert.NotNull(program.DevFile.GetProperty("operator").GetProperty("clientSecret").GetString());
        var tenants = program.DevFile.GetProperty("tenants").EnumerateArray()
            .Select(t => $"{t.GetProperty("slug").GetString()} {t.GetProperty("isolation").GetString()}");
        Assert.Equal(["northside shared", "riverside schema", "summit database"], tenants);
        foreach (var tenant in program.DevFile.GetProperty("tenants").EnumerateArray())
        {
            var roles = tenant.GetProperty("clients").EnumerateArray().Select(c => c.GetProperty("role").GetString()).ToList();
            Assert.Empty(new[] { "admin", "clinician", "auditor" }.Except(roles));
        }
    }

    [Fact]
    public async Task Refuse_a_second_start_on_the_same_folder_and_a_busy_port_in_one_line()
    {
        var (code, _, error) = await RunningProgram.ShellAsync($"./bulkhead up --port {program.Port} --data {program.Data}");
        Assert.NotEqual(0, code);
        Assert.Single(error.Trim().Split('\n'), l => !l.EndsWith('…'));
        var other = program.Data + "-other";
        try
        {
            (code, _, error) = await RunningProgram.ShellAsync($"./bulkhead up --port {program.Port} --data {other}");
            Assert.NotEqual(0, code);
            Assert.Contains("--port", error, StringComparison.Ordinal);
        }
        finally
        {
            await RunningProgram.ShellAsync($"./bulkhead reset --yes --data {other}");
        }
    }

    [Fact]
    public async Task Give_tokens_of_development_to_the_page_of_the_same_user_and_to_nobody_else()
    {
        var ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Bulkhead-Console: 1' -H 'Content-Type: application/json' "
            + "-d '{\"tenant\":\"riverside\",\"role\":\"admin\"}' " + program.Url + "/dev/token";
        Assert.Equal("200", (await RunningProgram.ShellAsync(ask)).Out);
        Assert.Equal("404", (await RunningProgram.ShellAsync(ask + " -H 'X-Forwarded-For: 203.0.113.9'")).Out);
        Assert.Equal("421", (await RunningProgram.ShellAsync(ask + " -H 'Host: attacker.example'")).Out);
        if (Environment.UserName == "root")
        {
            Assert.Equal("404", (await RunningProgram.ShellAsync("runuser -u nobody -- " + ask)).Out);
        }
    }

    [BrowserFact]
    public async Task Show_the_tenants_in_a_browser_and_what_comes_back_from_next_door()
    {
        await using var page = await BrowserPage.OpenAsync(program.Url);
        await page.WaitForAsync("document.querySelectorAll('.hold .slug').length === 3");
        Assert.Equal(
            "northside riverside summit",
            await page.EvaluateAsync("[...document.querySelectorAll('.hold .slug')].map(e => e.textContent).join(' ')"));
        await page.WaitForAsync("/[1-9][0-9,]* *records/.test(document.querySelector('.hold').innerText)");

        await page.EvaluateAsync("[...document.querySelectorAll('button')].find(b => b.textContent.includes('Carry')).click()");
        await page.WaitForAsync("document.body.innerText.includes('200 OK') && document.body.innerText.includes('401 Unauthorized')");
    }

    [Fact]
    public async Task Run_every_snippet_of_the_api_by_example()
    {
        var document = await File.ReadAllTextAsync(Path.Combine(RunningProgram.Root, "docs", "api.md"));
        var snippets = Snippet().Matches(document).Select(m => m.Groups[1].Value).ToList();
        Assert.True(snippets.Count >= 8, "The document lost its snippets.");
        var script = $"API={program.Url}/t/northside/api/v1\n" + string.Join('\n', snippets)
            .Replace("./bulkhead ", $"./bulkhead --data {program.Data} ", StringComparison.Ordinal);
        var (code, output, error) = await RunningProgram.ShellAsync(script);
        Assert.True(code == 0, $"{output}\n{error}");
        Assert.StartsWith("401", output, StringComparison.Ordinal);
        Assert.Contains("412\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Tenants))]
    public async Task Import_files_in_each_isolation_and_again_without_a_change(string tenant)
    {
        var folder = Directory.CreateTempSubdirectory("bh-csv-");
        ClinicFiles.Write(folder.FullName);
        var import = $"./bulkhead --data {program.Data} data import --json --tenant {tenant} --map samples/clinic/synthea.yaml "
            + $"--rejects {folder.FullName}/rejects.csv --from {folder.FullName}";
        var (code, output, error) = await RunningProgram.ShellAsync(import);
        Assert.True(code == 5, $"{code}: {output}{error}");
        Assert.Equal((ClinicFiles.GoodRows, 0, 1), Totals(output));
        var rejects = await File.ReadAllTextAsync(Path.Combine(folder.FullName, "rejects.csv"));
        Assert.Contains("patients.csv,4,BIRTHDATE", rejects, StringComparison.Ordinal);
        Assert.DoesNotContain("yesterday", rejects, StringComparison.Ordinal);
        (_, output, _) = await RunningProgram.ShellAsync(import + " || true");
        Assert.Equal((0, ClinicFiles.GoodRows, 1), Totals(output));
    }

    [RealFilesTheory]
    [MemberData(nameof(Tenants))]
    public async Task Import_the_real_files_where_they_are_at_hand(string tenant)
    {
        var files = RealFilesTheoryAttribute.Folder;
        var import = $"./bulkhead --data {program.Data} data import --json --tenant {tenant} --map samples/clinic/synthea.yaml "
            + $"--rejects {program.Data}/rejects-{tenant}.csv --from {files}";
        var (code, output, error) = await RunningProgram.ShellAsync(import);
        Assert.True(code == 0, $"{code}: {output}{error}");
        Assert.Equal((9823, 0, 0), Totals(output));
        (code, output, _) = await RunningProgram.ShellAsync(import);
        Assert.Equal((0, 9823, 0), Totals(output));
    }

    private static (int Created, int Existing, int Rejected) Totals(string output)
    {
        var files = JsonDocument.Parse(output).RootElement;
        var rows = (files.ValueKind == JsonValueKind.Array ? files : files.GetProperty("files")).EnumerateArray().ToList();
        return (Sum("created"), Sum("existing"), Sum("rejected"));

        int Sum(string name) => rows.Sum(r => r.GetProperty(name).GetInt32());
    }

    [GeneratedRegex("```bash run\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();
}
