namespace Bulkhead.Host.StartPage;

/// <summary>One answer for everything that is not here, or not for this caller.</summary>
internal static class Refusals
{
    public static IResult NotFound(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Results.Json(
            new
            {
                type = "https://bulkhead.dev/errors/not-found",
                title = "Not found",
                status = StatusCodes.Status404NotFound,
                code = "not-found",
                detail = "There is nothing here.",
                requestId = context.TraceIdentifier,
            },
            contentType: "application/problem+json",
            statusCode: StatusCodes.Status404NotFound);
    }
}
