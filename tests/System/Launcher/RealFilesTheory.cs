namespace Bulkhead.Tests.System.Launcher;

/// <summary>A test on the real files; reported as skipped where they are not beside the repository, never passed in silence.</summary>
public sealed class RealFilesTheoryAttribute : TheoryAttribute
{
    public RealFilesTheoryAttribute()
    {
        if (!Directory.Exists(Folder))
        {
            Skip = "The real files are not beside the repository; the test before makes its own of that shape.";
        }
    }

    public static string Folder { get; } =
        Path.GetFullPath(Path.Combine(RunningProgram.Root, "..", "shared", "data", "synthea"));
}
