using Bulkhead.Host.Local;

namespace Bulkhead.Tests.Unit.Host;

public sealed class PostgresBinariesTests
{
    [Theory]
    [InlineData("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15, "15.18")]
    [InlineData("postgres (PostgreSQL) 17.6\n", 17, "17.6")]
    [InlineData("postgres (PostgreSQL) 19beta1\n", 19, "19beta1")]
    public void Read_the_version_that_the_server_prints(string output, int major, string text) =>
        Assert.Equal((major, text), PostgresBinaries.Parse(output));

    [Theory]
    [InlineData("")]
    [InlineData("postgres: command not found")]
    public void Read_no_version_out_of_anything_else(string output) => Assert.Null(PostgresBinaries.Parse(output));

    [Fact]
    public void Take_the_newest_for_a_new_database() =>
        Assert.Equal("/b", PostgresBinaries.Choose([new("/a", 15, "15.1"), new("/b", 17, "17.2"), new("/c", 16, "16.1")], null).Folder);

    [Fact]
    public void Take_the_version_that_made_the_database_though_a_newer_one_is_there() =>
        Assert.Equal("/a", PostgresBinaries.Choose([new("/a", 15, "15.1"), new("/b", 17, "17.2")], 15).Folder);

    [Fact]
    public void Refuse_an_old_server_in_one_line_with_the_next_step()
    {
        var fault = Assert.Throws<StartFault>(() => PostgresBinaries.Choose([new("/old", 13, "13.4")], null));
        Assert.Equal(
            "PostgreSQL 13.4 in /old is too old: install version 15 or newer (https://www.postgresql.org/download/)", fault.Message);
    }

    [Fact]
    public void Say_which_version_is_missing_for_an_existing_database() =>
        Assert.Contains(
            "install postgresql-15", Assert.Throws<StartFault>(() => PostgresBinaries.Choose([new("/b", 17, "17.2")], 15)).Message,
            StringComparison.Ordinal);
}
