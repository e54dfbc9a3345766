using System.Globalization;

namespace Bulkhead.Host.Demo;

/// <summary>The encounters of a patient, with what was found, given and billed there.</summary>
internal sealed class ClinicVisits(ClinicBuilder clinic)
{
    private static readonly DateOnly Opened = new(2020, 1, 1);

    private readonly SeededNumbers _numbers = clinic.Numbers;
    private int _charges;

    public PatientBill Add(Patient patient)
    {
        var first = patient.Born > Opened ? patient.Born : Opened;
        var last = patient.Died ?? ClinicBuilder.Today;
        var days = Enumerable.Range(0, _numbers.Between(4, 8)).Select(_ => _numbers.Date(first, last)).Order().ToList();
        var chronic = new HashSet<string>(StringComparer.Ordinal);
        var bill = new PatientBill(0, 0);
        for (var i = 0; i < days.Count; i++)
        {
            var encounter = AddEncounter(patient, days[i], chronic, ref bill);
            if (i == 0 && _numbers.Chance(15))
            {
                AddAllergy(encounter);
            }
        }

        return bill;
    }

    private Encounter AddEncounter(Patient patient, DateOnly day, HashSet<string> chronic, ref PatientBill bill)
    {
        var visit = _numbers.Pick<Visit>(ClinicWords.Visits);
        var provider = _numbers.Pick<Provider>(clinic.Providers.ToArray());
        var time = new TimeOnly(_numbers.Between(12, 21), _numbers.Between(0, 11) * 5);
        var start = day.ToDateTime(time, DateTimeKind.Utc);
        var stop = start.AddMinutes(_numbers.Between(3, 12) * 5);
        var encounter = new Encounter(clinic.NextId("encounters"), patient, provider, day, start, stop);
        var diagnosis = visit.EncounterClass == "wellness" ? null : PickDiagnosis(day.Year - patient.Born.Year);

        var total = visit.Cost + AddProcedure(encounter, diagnosis);
        if (visit.EncounterClass == "wellness")
        {
            total += AddImmunization(encounter);
        }

        if (diagnosis is not null && (!diagnosis.Chronic || chronic.Add(diagnosis.Code)))
        {
            AddCondition(encounter, diagnosis);
        }

        AddObservations(encounter);
        var covered = patient.Payer is null ? 0 : Math.Round(total * _numbers.Between(60, 100) / 100m, 2);
        using (var record = clinic.Pages.Add("encounters", encounter.Id))
        {
            Parties(record, encounter).Reference("payer", patient.Payer)
                .Time("start", start).Time("stop", stop).Text("encounterClass", visit.EncounterClass)
                .Text("code", visit.Code).Text("description", visit.Description)
                .Number("baseCost", visit.Cost).Number("totalClaimCost", total).Number("payerCoverage", covered)
                .Text("reasonCode", diagnosis?.Code).Text("reasonDescription", diagnosis?.Description);
        }

        AddClaim(encounter, visit, diagnosis, total, covered);
        bill = new PatientBill(bill.Own + total - covered, bill.Covered + covered);
        return encounter;
    }

    private Diagnosis PickDiagnosis(int age) => _numbers.Pick<Diagnosis>(
        ClinicWords.Diagnoses.Where(diagnosis => age >= diagnosis.FromAge && age <= diagnosis.ToAge).ToArray());

    private static DemoRecord Parties(DemoRecord record, Encounter encounter) =>
        record.Reference("patient", encounter.Patient.Id).Reference("organization", encounter.Provider.Organization)
            .Reference("provider", encounter.Provider.Id);

    private DemoRecord RecordOf(string plural, Encounter encounter) =>
        clinic.Pages.Add(plural, clinic.NextId(plural))
            .Reference("patient", encounter.Patient.Id).Reference("encounter", encounter.Id);

    private void AddCondition(Encounter encounter, Diagnosis diagnosis)
    {
        var stop = diagnosis.Chronic ? (DateOnly?)null : encounter.Day.AddDays(_numbers.Between(5, 21));
        using (var record = RecordOf("conditions", encounter))
        {
            record.Date("start", encounter.Day).Date("stop", stop)
                .Text("code", diagnosis.Code).Text("description", diagnosis.Description);
        }

        if (diagnosis.Plan is { } plan)
        {
            using var record = RecordOf("carePlans", encounter);
            record.Date("start", encounter.Day).Date("stop", stop).Text("code", plan.Code)
                .Text("description", plan.Description).Text("reasonCode", diagnosis.Code)
                .Text("reasonDescription", diagnosis.Description);
        }

        if (diagnosis.Drug is { } drug)
        {
            var dispenses = diagnosis.Chronic ? _numbers.Between(3, 24) : 1;
            var cost = _numbers.Money(4, 60);
            using var record = RecordOf("medications", encounter);
            record.Reference("payer", encounter.Patient.Payer)
                .Time("start", encounter.Stop).Time("stop", stop?.ToDateTime(default, DateTimeKind.Utc))
                .Text("code", drug.Code).Text("description", drug.Description).Number("baseCost", cost)
                .Number("payerCoverage", encounter.Patient.Payer is null ? 0 : Math.Round(cost / 2, 2))
                .Number("dispenses", dispenses).Number("totalCost", cost * dispenses)
                .Text("reasonCode", diagnosis.Code).Text("reasonDescription", diagnosis.Description);
        }
    }

    private decimal AddProcedure(Encounter encounter, Diagnosis? reason)
    {
        if (!_numbers.Chance(30))
        {
            return 0;
        }

        var procedure = _numbers.Pick<Coded>(ClinicWords.Procedures);
        var cost = _numbers.Money(80, 700);
        using var record = RecordOf("procedures", encounter);
        record.Time("start", encounter.Start).Time("stop", encounter.Stop).Text("code", procedure.Code)
            .Text("description", procedure.Description).Number("baseCost", cost)
            .Text("reasonCode", reason?.Code).Text("reasonDescription", reason?.Description);
        return cost;
    }

    private decimal AddImmunization(Encounter encounter)
    {
        var vaccine = _numbers.Pick<Coded>(ClinicWords.Vaccines);
        const decimal Cost = 140.52m;
        using var record = RecordOf("immunizations", encounter);
        record.Time("date", encounter.Start).Text("code", vaccine.Code).Text("description", vaccine.Description)
            .Number("baseCost", Cost);
        return Cost;
    }

    private void AddAllergy(Encounter encounter)
    {
        var allergen = _numbers.Pick<Allergen>(ClinicWords.Allergens);
        var reaction = _numbers.Pick<Coded>(ClinicWords.Reactions);
        using var record = RecordOf("allergies", encounter);
        record.Date("start", encounter.Day).Text("code", allergen.Code).Text("system", allergen.System)
            .Text("description", allergen.Description).Text("type", "allergy").Text("category", allergen.Category)
            .Text("reaction1", reaction.Code).Text("description1", reaction.Description)
            .Text("severity1", _numbers.Chance(60) ? "MILD" : "MODERATE");
    }

    private void AddObservations(Encounter encounter)
    {
        foreach (var vital in ClinicWords.Vitals.AsSpan(0, _numbers.Between(2, ClinicWords.Vitals.Length)))
        {
            using var record = RecordOf("observations", encounter);
            record.Time("date", encounter.Start).Text("category", "vital-signs").Text("code", vital.Code)
                .Text("description", vital.Description)
                .Text("value", Invariant(_numbers.Between(vital.Low, vital.High)))
                .Text("units", vital.Units).Text("type", "numeric");
        }
    }

    private void AddClaim(Encounter encounter, Visit visit, Diagnosis? diagnosis, decimal total, decimal covered)
    {
        var claim = clinic.NextId("claims");
        var own = total - covered;
        var open = own > 0 && _numbers.Chance(10);
        using (var record = clinic.Pages.Add("claims", claim))
        {
            record.Reference("patient", encounter.Patient.Id).Reference("encounter", encounter.Id)
                .Reference("provider", encounter.Provider.Id).Reference("primaryPayer", encounter.Patient.Payer)
                .Reference("supervisingProvider", encounter.Provider.Id).Number("department", 1)
                .Number("patientDepartment", 1).Text("diagnosis1", diagnosis?.Code ?? visit.Code)
                .Time("currentIllnessDate", encounter.Start).Time("serviceDate", encounter.Start)
                .Text("status1", "CLOSED").Text("statusPatient", open ? "BILLED" : "CLOSED")
                .Number("outstanding1", 0).Number("outstandingPatient", open ? own : 0)
                .Time("lastBilledDate1", encounter.Stop).Time("lastBilledDatePatient", encounter.Stop)
                .Number("claimType1", 2);
        }

        AddLine(claim, encounter, visit, "CHARGE", line => line
            .Number("amount", total).Number("unitAmount", total)
            .Text("transferType", encounter.Patient.Payer is null ? "p" : "1"));
        if (covered > 0)
        {
            AddLine(claim, encounter, visit, "PAYMENT", line => line
                .Text("method", "ECHECK").Number("payments", covered).Number("outstanding", own));
        }

        if (covered > 0 && own > 0)
        {
            var from = AddLine(claim, encounter, visit, "TRANSFEROUT", line => line
                .Number("transfers", own).Number("outstanding", own));
            AddLine(claim, encounter, visit, "TRANSFERIN", line => line
                .Number("amount", own).Number("transferOutId", from).Text("transferType", "p")
                .Number("transfers", own).Number("outstanding", own));
        }

        if (own > 0 && !open)
        {
            AddLine(claim, encounter, visit, "PAYMENT", line => line
                .Text("method", "CC").Number("payments", own).Number("outstanding", 0));
        }
    }

    private int AddLine(Guid claim, Encounter encounter, Visit visit, string type, Action<DemoRecord> sums)
    {
        var charge = ++_charges;
        using var record = clinic.Pages.Add("claimTransactions", clinic.NextId("claimTransactions"));
        record.Reference("claim", claim).Reference("patient", encounter.Patient.Id)
            .Reference("encounter", encounter.Id).Reference("placeOfService", encounter.Provider.Organization)
            .Reference("provider", encounter.Provider.Id).Reference("supervisingProvider", encounter.Provider.Id)
            .Number("chargeId", charge).Text("type", type)
            .Time("fromDate", encounter.Start).Time("toDate", encounter.Stop)
            .Text("procedureCode", visit.Code).Number("diagnosisRef1", 1).Number("units", 1).Number("department", 1)
            .Text("notes", visit.Description).Number("feeScheduleId", 1);
        sums(record);
        return charge;
    }

    private static string Invariant(int value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed record Encounter(
        Guid Id, Patient Patient, Provider Provider, DateOnly Day, DateTime Start, DateTime Stop);
}
