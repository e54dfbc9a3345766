namespace Bulkhead.Tests.System.Launcher;

/// <summary>A test in a real browser; reported as skipped, with the next step, where there is none. CI installs one.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    public const string Browser = "/usr/bin/chromium";

    public BrowserFactAttribute()
    {
        if (!File.Exists(Browser))
        {
            Skip = "Chromium is not here. Next step: apt-get install chromium";
        }
    }
}
