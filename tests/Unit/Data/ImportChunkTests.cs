using System.Text;
using Bulkhead.Platform.Data;
using static Bulkhead.Tests.Unit.Data.TestApp;

namespace Bulkhead.Tests.Unit.Data;

public sealed class ImportChunkTests
{
    private const string One =
        "{\"id\":\"0190abcd-0000-7000-8000-000000000001\",\"lastName\":\"Ng\",\"birthDate\":\"1980-01-02\"}";
    private const string Two =
        "{\"id\":\"0190abcd-0000-7000-8000-000000000002\",\"lastName\":\"Ng\",\"birthDate\":\"1980-01-02\"}";

    private static ImportChunk? Read(string text, DataLimits? limits = null) =>
        ImportChunk.Read(Encoding.UTF8.GetBytes(text), View(), limits ?? Limits);

    [Fact]
    public void Keep_good_lines_whatever_the_others_are()
    {
        var chunk = Read($"{One}\r\n\n{{bad\n{{}}\n{One}\n{Two}")!;
        Assert.Equal(5, chunk.Received);
        Assert.Equal([1, 6], chunk.Waiting.Select(l => l.Line));
        Assert.Equal(
            [(3, "malformed-json"), (4, "required"), (5, "duplicate-id")],
                chunk.Rejected.Select(r => (r.Line, r.Fault.Code)));
    }

    [Fact]
    public void Count_every_line_once()
    {
        var chunk = Read($"{One}\n{Two}\n{{bad\n")!;
        chunk.TakeInserted([chunk.Waiting[0].Id]);
        chunk.TakeExisting([chunk.Waiting[0].Id]);
        chunk.RejectWaiting("concurrent-change", "");
        Assert.Equal((3, 1, 1, 1), (chunk.Received, chunk.Created, chunk.Existing, chunk.Rejected.Count));
    }

    [Fact]
    public void Refuse_more_lines_than_the_limit()
    {
        Assert.NotNull(Read($"{One}\n{Two}\n", new DataLimits { MaxImportLines = 2 }));
        Assert.Null(Read($"{One}\n{Two}\n{Two}", new DataLimits { MaxImportLines = 2 }));
    }

    [Fact]
    public void Insert_a_chunk_as_columns_and_leave_out_lines_whose_references_are_missing()
    {
        var text = Text(ImportSql.Insert(View(), Read($"{One}\n{Two}")!.Waiting, new Guid[2], DateTime.UnixEpoch, null, null));
        Assert.Contains("from unnest($4, $5, $6", text, StringComparison.Ordinal);
        Assert.Contains(
            "(u.\"payer_id\" is null\nor exists (select 1 from \"u1\".\"payer\" r where r.id = u.\"payer_id\"))", text,
            StringComparison.Ordinal);
        Assert.EndsWith("on conflict do nothing returning id", text, StringComparison.Ordinal);
    }
}
