using System.Globalization;
using System.Text.Json;

namespace Bulkhead.Bench.Http;

/// <summary>
/// Records of samples/clinic as its input has them, in length and in which fields are given; the n-th is the same wherever it is put.
/// The n-th of each collection has the same id.
/// </summary>
internal static class ClinicRows
{
    /// <summary>In the order in which records refer to each other, with how many there are when there are so many patients.</summary>
    public static readonly (string Plural, Func<int, int> Count, Func<int, object> Row)[] Collections =
    [
        ("organizations", _ => 1, n => new { id = Id(n), name = $"Organization {n}", city = "City", state = "State" }),
        ("providers", _ => 1, n => new { id = Id(n), organization = Id(0), name = $"Provider {n}", gender = "F", specialty = "PRACTICE" }),
        ("patients", patients => patients, Patient),
        ("encounters", patients => patients, Encounter),
        ("conditions", patients => patients, Condition),
    ];

    public static Guid Id(int n) => Guid.Parse(string.Create(CultureInfo.InvariantCulture, $"01900000-0000-7000-8000-{n:x12}"));

    public static string Line(object row) => JsonSerializer.Serialize(row);

    private static object Patient(int n) => new
    {
        id = Id(n),
        firstName = $"First{n % 300}",
        lastName = $"Last{n % 1000}",
        prefix = "Mx.",
        birthDate = Day(n),
        gender = n % 2 == 0 ? "F" : "M",
        maritalStatus = n % 3 == 0 ? "S" : "M",
        race = "other",
        ethnicity = "other",
        birthplace = $"City{n % 50} State Country",
        ssn = string.Create(CultureInfo.InvariantCulture, $"999-{n / 10_000 % 100:00}-{n % 10_000:0000}"),
        driversLicense = string.Create(CultureInfo.InvariantCulture, $"S9{n:0000000}"),
        passport = string.Create(CultureInfo.InvariantCulture, $"X{n:00000000}X"),
        address = $"{n % 900} Street Suite {n % 70}",
        city = $"City{n % 50}",
        state = "State",
        county = $"County{n % 20}",
        zip = string.Create(CultureInfo.InvariantCulture, $"{n % 100_000:00000}"),
        latitude = 42.25m + (n % 100 / 128m),
        longitude = -71.25m + (n % 100 / 128m),
        healthcareExpenses = 1000.25m + n,
        healthcareCoverage = 500.75m + n,
    };

    private static object Encounter(int n) => new
    {
        id = Id(n),
        patient = Id(n),
        organization = Id(0),
        provider = Id(0),
        start = Day(n) + "T08:00:00Z",
        stop = Day(n) + "T08:15:00Z",
        encounterClass = "ambulatory",
        code = "185345009",
        description = "Encounter for symptom",
        baseCost = 129.16m,
        totalClaimCost = 129.16m,
        payerCoverage = 54.16m,
    };

    private static object Condition(int n) => new
    {
        id = Id(n),
        patient = Id(n),
        encounter = Id(n),
        start = Day(n),
        stop = Day(n),
        code = string.Create(CultureInfo.InvariantCulture, $"{10_509_002 + (n % 200)}"),
        description = $"Acute condition of kind {n % 200} (disorder)",
    };

    private static string Day(int n) => new DateOnly(1940, 1, 1).AddDays(n % 25_000).ToString("O", CultureInfo.InvariantCulture);
}
