namespace Bulkhead.Host.Demo;

/// <summary>
/// What the demo clinic is made of. Given names are common ones, family names are put together from syllables, streets
/// are invented; towns, and the codes of diagnoses and drugs, are real so that the data reads true.
/// </summary>
internal static class ClinicWords
{
    public static readonly string[] GivenNamesF =
    [
        "Ada", "Alice", "Amara", "Beatrice", "Carmen", "Clara", "Daria", "Elena", "Emma", "Fatima", "Grace", "Hanna",
        "Ines", "Irene", "Julia", "Keiko", "Laura", "Leila", "Maria", "Mei", "Nadia", "Nora", "Olivia", "Priya", "Rosa",
        "Sara", "Sofia", "Tara", "Vera", "Zoe",
    ];

    public static readonly string[] GivenNamesM =
    [
        "Aaron", "Adam", "Amir", "Ben", "Carlos", "Daniel", "David", "Diego", "Elias", "Felix", "George", "Hugo",
        "Ivan", "Jamal", "Jonas", "Kofi", "Leo", "Luis", "Marco", "Martin", "Nils", "Noah", "Oscar", "Paul", "Rafael",
        "Sam", "Theo", "Tomas", "Victor", "Wei",
    ];

    public static readonly string[] FamilyHeads =
    [
        "Al", "Ar", "Bel", "Bor", "Cal", "Cor", "Dal", "Dor", "El", "Fen", "Gar", "Hal", "Har", "Kel", "Lan", "Lor",
        "Mar", "Mel", "Nor", "Or", "Pel", "Quin", "Ren", "Sal", "Sil", "Tam", "Tor", "Val", "Wen", "Yar",
    ];

    public static readonly string[] FamilyMiddles =
        ["a", "ba", "da", "de", "e", "i", "la", "le", "mi", "o", "ri", "ta"];

    public static readonly string[] FamilyTails =
    [
        "bach", "berg", "brook", "dale", "dini", "do", "field", "ford", "gard", "hart", "kova", "lin", "man", "mont",
        "nez", "quist", "rell", "rini", "sen", "shaw", "ski", "son", "ston", "vale", "well", "wick", "wood", "yama",
    ];

    public static readonly string[] Streets =
    [
        "Alder Street", "Birch Lane", "Canal Street", "Chapel Road", "Cedar Avenue", "Dock Street", "Elm Court",
        "Ferry Road", "Foundry Way", "Garden Street", "Harbor Street", "Hill Road", "Juniper Lane", "Linden Avenue",
        "Maple Street", "Mill Road", "Orchard Street", "Pine Street", "Quarry Road", "Station Street",
    ];

    public static readonly Town[] Towns =
    [
        new("Boston", "Suffolk County", "02118", 42.34m, -71.07m),
        new("Cambridge", "Middlesex County", "02139", 42.36m, -71.10m),
        new("Fall River", "Bristol County", "02720", 41.70m, -71.15m),
        new("Framingham", "Middlesex County", "01701", 42.30m, -71.42m),
        new("Lowell", "Middlesex County", "01852", 42.63m, -71.32m),
        new("Lynn", "Essex County", "01902", 42.47m, -70.95m),
        new("Quincy", "Norfolk County", "02169", 42.25m, -71.00m),
        new("Salem", "Essex County", "01970", 42.52m, -70.90m),
        new("Springfield", "Hampden County", "01103", 42.10m, -72.59m),
        new("Worcester", "Worcester County", "01608", 42.26m, -71.80m),
    ];

    public static readonly string[] Organizations =
    [
        "Alder Health Center", "Bayside Clinic", "Hillcrest Hospital", "Lakeview Family Practice", "Mill Road Surgery",
    ];

    public static readonly string[] Payers =
        ["Commonwealth Care Demo", "Harbor Mutual Demo", "Prairie Health Plan Demo", "Union Benefit Demo"];

    public static readonly string[] Specialties =
        ["GENERAL PRACTICE", "INTERNAL MEDICINE", "FAMILY PRACTICE", "NURSE PRACTITIONER", "EMERGENCY MEDICINE"];

    public static readonly Visit[] Visits =
    [
        new("wellness", "162673000", "General examination of patient (procedure)", 129.16m),
        new("ambulatory", "185345009", "Encounter for symptom", 77.49m),
        new("ambulatory", "390906007", "Follow-up encounter", 77.49m),
        new("outpatient", "185349003", "Encounter for check up (procedure)", 129.16m),
        new("urgentcare", "702927004", "Urgent care clinic (procedure)", 129.16m),
    ];

    public static readonly Diagnosis[] Diagnoses =
    [
        new("59621000", "Hypertension", 30, 120, true, new("314076", "lisinopril 10 MG Oral Tablet"),
            new("443402002", "Lifestyle education regarding hypertension")),
        new("15777000", "Prediabetes", 25, 120, true, null, new("698360004", "Diabetes self management plan")),
        new("55822004", "Hyperlipidemia", 30, 120, true, new("314231", "Simvastatin 10 MG Oral Tablet"),
            new("736285004", "Hyperlipidemia clinical management plan")),
        new("233678006", "Childhood asthma", 3, 30, true,
            new("895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler"),
            new("699728000", "Asthma self management")),
        new("195662009", "Acute viral pharyngitis (disorder)", 0, 120, false, null, null),
        new("10509002", "Acute bronchitis (disorder)", 0, 120, false,
            new("313782", "Acetaminophen 325 MG Oral Tablet"), null),
        new("444814009", "Viral sinusitis (disorder)", 2, 120, false,
            new("562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet"), null),
        new("44465007", "Sprain of ankle", 4, 120, false, new("849574", "Naproxen sodium 220 MG Oral Tablet"),
            new("91251008", "Physical therapy procedure")),
    ];

    public static readonly Coded[] Procedures =
    [
        new("430193006", "Medication Reconciliation (procedure)"),
        new("171207006", "Depression screening (procedure)"),
        new("710824005", "Assessment of health and social care needs (procedure)"),
        new("428211000124100", "Assessment of substance use (procedure)"),
    ];

    public static readonly Coded[] Vaccines =
    [
        new("140", "Influenza, seasonal, injectable, preservative free"),
        new("113", "Td (adult) preservative free"),
        new("52", "Hep A, adult"),
    ];

    public static readonly Allergen[] Allergens =
    [
        new("84489001", "SNOMED-CT", "Mold (organism)", "environment"),
        new("260147004", "SNOMED-CT", "House dust mite (organism)", "environment"),
        new("256277009", "SNOMED-CT", "Grass pollen (substance)", "environment"),
        new("762952008", "SNOMED-CT", "Peanut (substance)", "food"),
        new("735029006", "SNOMED-CT", "Shellfish (substance)", "food"),
        new("7984", "RxNorm", "Penicillin V", "medication"),
    ];

    public static readonly Coded[] Reactions =
    [
        new("418290006", "Itching (finding)"),
        new("247472004", "Wheal (finding)"),
        new("267036007", "Dyspnea (finding)"),
    ];

    public static readonly Vital[] Vitals =
    [
        new("8480-6", "Systolic Blood Pressure", "mm[Hg]", 102, 158),
        new("8462-4", "Diastolic Blood Pressure", "mm[Hg]", 64, 98),
        new("8867-4", "Heart rate", "/min", 55, 102),
        new("9279-1", "Respiratory rate", "/min", 12, 18),
    ];
}

internal sealed record Town(string City, string County, string Zip, decimal Latitude, decimal Longitude);

internal sealed record Visit(string EncounterClass, string Code, string Description, decimal Cost);

internal sealed record Coded(string Code, string Description);

internal sealed record Diagnosis(
    string Code, string Description, int FromAge, int ToAge, bool Chronic, Coded? Drug, Coded? Plan);

internal sealed record Allergen(string Code, string System, string Description, string Category);

internal sealed record Vital(string Code, string Description, string Units, int Low, int High);
