using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Bulkhead.Host.Import;

namespace Bulkhead.Host.Demo;

/// <summary>
/// Synthetic data for the app samples/clinic, from the tenant's name as the seed: the same name gives the same bytes,
/// so that importing it again changes nothing. No record describes a real person; numbers of persons are of kinds
/// that are never issued. About 6,000 records.
/// </summary>
public static class ClinicDemo
{
    /// <summary>In the order in which records refer to each other.</summary>
    public static IEnumerable<DemoChunk> Generate(string tenantSlug)
    {
        var clinic = new ClinicBuilder(tenantSlug);
        clinic.Build();
        return clinic.Pages.Chunks();
    }
}

/// <summary>Places, people and what they have; <see cref="ClinicVisits"/> adds what happens.</summary>
internal sealed class ClinicBuilder(string seed)
{
    private const int OrganizationCount = 5;
    private const int ProviderCount = 20;
    private const int PayerCount = 4;
    private const int PatientCount = 120;

    /// <summary>The demo's present. Fixed, since a date of the day would change the bytes.</summary>
    public static readonly DateOnly Today = new(2025, 12, 31);

    private static readonly string[] Races = ["white", "white", "white", "black", "asian", "hawaiian", "other"];
    private static readonly string[] MaritalCodes = ["S", "M", "M", "D", "W"];

    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    public SeededNumbers Numbers { get; } = new("bulkhead demo clinic " + seed);

    public DemoPages Pages { get; } = new(
        "organizations", "providers", "payers", "patients", "encounters", "conditions", "allergies", "carePlans",
        "immunizations", "medications", "observations", "procedures", "claims", "claimTransactions");

    public List<Provider> Providers { get; } = [];

    public List<Guid> Payers { get; } = [];

    public void Build()
    {
        var organizations = new List<(Guid Id, Town Town, string Address)>();
        for (var i = 0; i < OrganizationCount; i++)
        {
            organizations.Add(AddOrganization(i));
        }

        for (var i = 0; i < ProviderCount; i++)
        {
            AddProvider(organizations[i % OrganizationCount]);
        }

        for (var i = 0; i < PayerCount; i++)
        {
            AddPayer(i);
        }

        var visits = new ClinicVisits(this);
        for (var i = 0; i < PatientCount; i++)
        {
            AddPatient(i, visits);
        }
    }

    /// <summary>The next id of a collection.</summary>
    public Guid NextId(string plural)
    {
        var count = _counts[plural] = _counts.GetValueOrDefault(plural) + 1;
        var name = string.Create(CultureInfo.InvariantCulture, $"bulkhead demo clinic/{seed}/{plural}/{count}");
        return DerivedId.Version8(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
    }

    private (Guid Id, Town Town, string Address) AddOrganization(int index)
    {
        var id = NextId("organizations");
        var town = Numbers.Pick<Town>(ClinicWords.Towns);
        var address = Address();
        using var record = Pages.Add("organizations", id);
        record.Text("name", ClinicWords.Organizations[index]).Text("address", address)
            .Text("city", town.City).Text("state", "MA").Text("zip", town.Zip)
            .Number("latitude", town.Latitude).Number("longitude", town.Longitude)
            .Text("phone", Phone()).Number("revenue", 0).Number("utilization", Numbers.Between(10, 400));
        return (id, town, address);
    }

    private void AddProvider((Guid Id, Town Town, string Address) organization)
    {
        var id = NextId("providers");
        var gender = Numbers.Chance(50) ? "F" : "M";
        using var record = Pages.Add("providers", id);
        record.Reference("organization", organization.Id).Text("name", $"{GivenName(gender)} {FamilyName()}")
            .Text("gender", gender).Text("specialty", Numbers.Pick<string>(ClinicWords.Specialties))
            .Text("address", organization.Address).Text("city", organization.Town.City).Text("state", "MA")
            .Text("zip", organization.Town.Zip).Number("latitude", organization.Town.Latitude)
            .Number("longitude", organization.Town.Longitude).Number("utilization", Numbers.Between(10, 90));
        Providers.Add(new Provider(id, organization.Id));
    }

    private void AddPayer(int index)
    {
        var id = NextId("payers");
        var town = Numbers.Pick<Town>(ClinicWords.Towns);
        using var record = Pages.Add("payers", id);
        record.Text("name", ClinicWords.Payers[index]).Text("address", Address()).Text("city", town.City)
            .Text("stateHeadquartered", "MA").Text("zip", town.Zip).Text("phone", Phone())
            .Number("uniqueCustomers", Numbers.Between(20, 40)).Number("memberMonths", Numbers.Between(300, 1500))
            .Number("averageQualityOfLife", Numbers.Between(600, 990) / 1000m);
        Payers.Add(id);
    }

    private void AddPatient(int index, ClinicVisits visits)
    {
        var id = NextId("patients");
        var gender = Numbers.Chance(50) ? "F" : "M";
        var born = Numbers.Date(new DateOnly(1932, 1, 1), new DateOnly(2023, 12, 31));
        var adult = born.AddYears(18) <= Today;
        var died = born.Year < 1965 && Numbers.Chance(6)
            ? Numbers.Date(new DateOnly(2023, 1, 1), Today)
            : (DateOnly?)null;
        var payer = Numbers.Chance(88) ? Numbers.Pick<Guid>(Payers.ToArray()) : (Guid?)null;
        var bill = visits.Add(new Patient(id, born, died, payer));

        var town = Numbers.Pick<Town>(ClinicWords.Towns);
        var married = adult ? Numbers.Pick<string>(MaritalCodes) : null;
        using var record = Pages.Add("patients", id);
        record.Text("firstName", GivenName(gender)).Text("lastName", FamilyName())
            .Text("prefix", !adult ? null : gender == "F" ? "Ms." : "Mr.")
            .Text("maidenName", gender == "F" && married is "M" or "W" ? FamilyName() : null)
            .Date("birthDate", born).Date("deathDate", died).Text("gender", gender).Text("maritalStatus", married)
            .Text("race", Numbers.Pick<string>(Races))
            .Text("ethnicity", Numbers.Chance(15) ? "hispanic" : "nonhispanic")
            .Text("birthplace", $"{Numbers.Pick<Town>(ClinicWords.Towns).City}, Massachusetts, US")
            .Text("ssn", Ssn(index))
            .Text("driversLicense", adult ? Code($"S000{index:0000}") : null)
            .Text("passport", adult && Numbers.Chance(70) ? Code($"X0000{index:0000}X") : null)
            .Text("address", Address()).Text("city", town.City).Text("state", "Massachusetts")
            .Text("county", town.County).Text("zip", town.Zip)
            .Number("latitude", town.Latitude + (Numbers.Between(-300, 300) / 10_000m))
            .Number("longitude", town.Longitude + (Numbers.Between(-300, 300) / 10_000m))
            .Number("healthcareExpenses", bill.Own).Number("healthcareCoverage", bill.Covered);
    }

    /// <summary>The area 666 is never issued.</summary>
    private static string Ssn(int index) => Code($"666-{(index / 100) + 11:00}-{(index % 100) + 1000:0000}");

    private static string Code(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private string GivenName(string gender) =>
        Numbers.Pick<string>(gender == "F" ? ClinicWords.GivenNamesF : ClinicWords.GivenNamesM);

    private string FamilyName()
    {
        var middle = Numbers.Chance(40) ? Numbers.Pick<string>(ClinicWords.FamilyMiddles) : "";
        return Numbers.Pick<string>(ClinicWords.FamilyHeads) + middle + Numbers.Pick<string>(ClinicWords.FamilyTails);
    }

    private string Address() => Code($"{Numbers.Between(1, 290)} {Numbers.Pick<string>(ClinicWords.Streets)}");

    /// <summary>555-0100 to 555-0199 are kept for fiction.</summary>
    private string Phone() => Code($"1-617-555-01{Numbers.Between(0, 99):00}");
}

internal sealed record Provider(Guid Id, Guid Organization);

internal sealed record Patient(Guid Id, DateOnly Born, DateOnly? Died, Guid? Payer);

/// <summary>Sums over all encounters of a patient: paid by the patient, and by the payer.</summary>
internal sealed record PatientBill(decimal Own, decimal Covered);
