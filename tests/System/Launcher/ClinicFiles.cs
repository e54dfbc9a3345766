namespace Bulkhead.Tests.System.Launcher;

/// <summary>
/// Files of the shape of a synthetic-patient generator's export, with its oddities: a payer of "0" that means none, an insurance that
/// names no payer, NaN, two rows alike without an id; and one row that is wrong.
/// </summary>
internal static class ClinicFiles
{
    public const int GoodRows = 17;

    public static void Write(string folder)
    {
        foreach (var (file, lines) in Files)
        {
            File.WriteAllLines(Path.Combine(folder, file), lines);
        }
    }

    private static readonly (string File, string[] Lines)[] Files =
    [
        ("organizations.csv",
            [
                "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION",
                "b4000000-0000-4000-8000-000000000001,TEST HOSPITAL,1 STREET,BOSTON,MA,02703,41.931653,"
                + "-71.294503,5082225200,0.0,46",
            ]),
        ("providers.csv",
            [
                "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,UTILIZATION",
                "b4000000-0000-4000-8000-000000000002,b4000000-0000-4000-8000-000000000001,Víctor Test,F,"
                + "GENERAL PRACTICE,1 STREET,BOSTON,MA,02703,41.931653,-71.294503,46",
            ]),
        ("payers.csv",
            [
                "Id,NAME,ADDRESS,CITY,STATE_HEADQUARTERED,ZIP,PHONE,AMOUNT_COVERED,AMOUNT_UNCOVERED,REVENUE,"
                + "COVERED_ENCOUNTERS,UNCOVERED_ENCOUNTERS,COVERED_MEDICATIONS,UNCOVERED_MEDICATIONS,"
                + "COVERED_PROCEDURES,UNCOVERED_PROCEDURES,COVERED_IMMUNIZATIONS,UNCOVERED_IMMUNIZATIONS,"
                + "UNIQUE_CUSTOMERS,QOLS_AVG,MEMBER_MONTHS",
                "b4000000-0000-4000-8000-000000000003,Payer,1 Blvd,Baltimore,MD,21244,1-877-267-2323,0.00,0.00,"
                + "0.00,0,0,0,0,0,0,0,0,0,NaN,0",
            ]),
        ("patients.csv",
            [
                "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,"
                + "ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,"
                + "HEALTHCARE_COVERAGE",
                "b4000000-0000-4000-8000-000000000004,2014-10-06,,900-00-0007,,,,First,One,,,,white,nonhispanic,"
                + "M,Boston  Massachusetts  US,784 Lane,Somerville,Massachusetts,Middlesex County,02155,"
                + "42.36877442769006,-71.15168585038569,227761.06,2546.04",
                "b4000000-0000-4000-8000-000000000005,1984-02-29,2020-01-01,900-00-0008,S99,X1,Mr.,Second,Two,,,"
                + "M,white,nonhispanic,F,Boston  Massachusetts  US,1 Lane,Boston,Massachusetts,Suffolk County,,"
                + "42.3,-71.1,49112.87100000001,16774.548999999995",
                "b4000000-0000-4000-8000-000000000063,yesterday,,900-00-0009,,,,Third,Three,,,,white,"
                + "nonhispanic,M,Boston  Massachusetts  US,2 Lane,Boston,Massachusetts,Suffolk County,,42.3,-71.1,"
                + "1,1",
            ]),
        ("encounters.csv",
            [
                "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,"
                + "BASE_ENCOUNTER_COST,TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION",
                "b4000000-0000-4000-8000-000000000006,2023-01-27T16:17:47Z,2023-01-27T16:32:47Z,"
                + "b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000001,"
                + "b4000000-0000-4000-8000-000000000002,b4000000-0000-4000-8000-000000000003,ambulatory,185345009,"
                + "Encounter for symptom,77.49,3798.09,0.00,195662009,Pharyngitis",
                "b4000000-0000-4000-8000-000000000007,2023-01-27T16:17:47Z,2023-01-27T16:32:47Z,"
                + "b4000000-0000-4000-8000-000000000005,b4000000-0000-4000-8000-000000000001,"
                + "b4000000-0000-4000-8000-000000000002,b4000000-0000-4000-8000-000000000003,ambulatory,185345009,"
                + "Encounter for symptom,77.49,3798.09,0.00,195662009,Pharyngitis",
            ]),
        ("conditions.csv",
            [
                "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
                "2023-01-27,,b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000006,"
                + "195662009,Acute viral pharyngitis (disorder)",
                "2023-01-27,,b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000006,"
                + "195662009,Acute viral pharyngitis (disorder)",
            ]),
        ("allergies.csv",
            [
                "START,STOP,PATIENT,ENCOUNTER,CODE,SYSTEM,DESCRIPTION,TYPE,CATEGORY,REACTION1,DESCRIPTION1,"
                + "SEVERITY1,REACTION2,DESCRIPTION2,SEVERITY2",
                "2009-09-27,,b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000006,"
                + "111088007,SNOMED-CT,Latex (substance),allergy,environment,418290006,Itching (finding),MODERATE,"
                + ",,",
            ]),
        ("careplans.csv",
            [
                "Id,START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,REASONCODE,REASONDESCRIPTION",
                "b4000000-0000-4000-8000-00000000000a,2009-09-13,,b4000000-0000-4000-8000-000000000004,"
                + "b4000000-0000-4000-8000-000000000006,384758001,Self-care interventions (procedure),,",
            ]),
        ("immunizations.csv",
            [
                "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST",
                "2023-10-10T04:17:47Z,b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000006,"
                + "140,Influenza  seasonal,140.52",
            ]),
        ("medications.csv",
            [
                "START,STOP,PATIENT,PAYER,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,PAYER_COVERAGE,DISPENSES,"
                + "TOTALCOST,REASONCODE,REASONDESCRIPTION",
                "2009-09-27T14:12:44Z,,b4000000-0000-4000-8000-000000000004,"
                + "b4000000-0000-4000-8000-000000000003,b4000000-0000-4000-8000-000000000006,665078,"
                + "Loratadine 5 MG,7.24,0.00,174,1259.76,,",
            ]),
        ("observations.csv",
            [
                "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE",
                "2023-10-10T04:17:47Z,b4000000-0000-4000-8000-000000000004,b4000000-0000-4000-8000-000000000006,"
                + "vital-signs,8302-2,Body Height,127.9,cm,numeric",
            ]),
        ("procedures.csv",
            [
                "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,REASONCODE,REASONDESCRIPTION",
                "2023-10-10T04:17:47Z,2023-10-10T04:32:47Z,b4000000-0000-4000-8000-000000000004,"
                + "b4000000-0000-4000-8000-000000000006,430193006,Medication Reconciliation (procedure),735.40,,",
            ]),
        ("claims.csv",
            [
                "Id,PATIENTID,PROVIDERID,PRIMARYPATIENTINSURANCEID,SECONDARYPATIENTINSURANCEID,DEPARTMENTID,"
                + "PATIENTDEPARTMENTID,DIAGNOSIS1,DIAGNOSIS2,DIAGNOSIS3,DIAGNOSIS4,DIAGNOSIS5,DIAGNOSIS6,"
                + "DIAGNOSIS7,DIAGNOSIS8,REFERRINGPROVIDERID,APPOINTMENTID,CURRENTILLNESSDATE,SERVICEDATE,"
                + "SUPERVISINGPROVIDERID,STATUS1,STATUS2,STATUSP,OUTSTANDING1,OUTSTANDING2,OUTSTANDINGP,"
                + "LASTBILLEDDATE1,LASTBILLEDDATE2,LASTBILLEDDATEP,HEALTHCARECLAIMTYPEID1,HEALTHCARECLAIMTYPEID2",
                "b4000000-0000-4000-8000-000000000008,b4000000-0000-4000-8000-000000000004,"
                + "b4000000-0000-4000-8000-000000000002,b4000000-0000-4000-8000-000000000003,0,1,1,195662009,,,,,,"
                + ",,,b4000000-0000-4000-8000-000000000006,2023-01-27T16:17:47Z,2023-01-27T16:17:47Z,"
                + "b4000000-0000-4000-8000-000000000002,CLOSED,,CLOSED,0,,0,2023-01-27T16:32:47Z,,"
                + "2023-01-27T16:32:47Z,2,0",
            ]),
        ("claims_transactions.csv",
            [
                "ID,CLAIMID,CHARGEID,PATIENTID,TYPE,AMOUNT,METHOD,FROMDATE,TODATE,PLACEOFSERVICE,PROCEDURECODE,"
                + "MODIFIER1,MODIFIER2,DIAGNOSISREF1,DIAGNOSISREF2,DIAGNOSISREF3,DIAGNOSISREF4,UNITS,DEPARTMENTID,"
                + "NOTES,UNITAMOUNT,TRANSFEROUTID,TRANSFERTYPE,PAYMENTS,ADJUSTMENTS,TRANSFERS,OUTSTANDING,"
                + "APPOINTMENTID,LINENOTE,PATIENTINSURANCEID,FEESCHEDULEID,PROVIDERID,SUPERVISINGPROVIDERID",
                "b4000000-0000-4000-8000-000000000009,b4000000-0000-4000-8000-000000000008,0,"
                + "b4000000-0000-4000-8000-000000000004,CHARGE,77.49,,2023-01-27T16:17:47Z,2023-01-27T16:32:47Z,"
                + "b4000000-0000-4000-8000-000000000001,185345009,,,1,2,,,1,1,Encounter for symptom,77.49,,1,,,,,"
                + "b4000000-0000-4000-8000-000000000006,,b4000000-0000-4000-8000-000000000004,1,"
                + "b4000000-0000-4000-8000-000000000002,b4000000-0000-4000-8000-000000000002",
            ]),
    ];
}
