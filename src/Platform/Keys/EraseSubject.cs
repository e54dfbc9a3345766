using System.Collections.Immutable;
using Bulkhead.Kernel.Keys;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Platform.Identity;
using Microsoft.AspNetCore.Http;

namespace Bulkhead.Platform.Keys;

/// <summary>
/// <c>POST /api/v1/keys/subjects/{plural}/{id}/erase</c>: destroys the key of one person, where the app gives each a key of its own
/// (<c>keyPerSubject</c>). What was sealed about the person is gone when the answer comes (200). The receipt is there as soon as no key of
/// the installation opens a copy any more, within minutes; <c>GET …/{id}</c> shows it.
/// </summary>
internal static class EraseSubject
{
    internal static async Task HandleAsync(
        HttpContext context,
        string plural,
        Guid id,
        Authentication authentication,
        Denials denials,
        KeyCustody custody,
        SubjectErasure erasure)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Manage, "keys.erase") is not { } call)
        {
            return;
        }

        var entity = Persons(call.App, plural);
        await AnswerAsync(
            context,
            entity is null
                ? null
                : await erasure.EraseAsync(call.Context, entity.Name, id, Tables(call.App, entity.Name), context.RequestAborted));
    }

    internal static async Task ShowAsync(
        HttpContext context,
        string plural,
        Guid id,
        Authentication authentication,
        Denials denials,
        KeyCustody custody,
        SubjectErasure erasure)
    {
        if (await KeysAccess.EnterAsync(context, authentication, denials, custody, KeysGrant.Read, "keys.erase.show") is not { } call)
        {
            return;
        }

        var entity = Persons(call.App, plural);
        await AnswerAsync(
            context, entity is null ? null : await erasure.FindAsync(call.Context, entity.Name, id, context.RequestAborted));
    }

    /// <summary>Every entity whose records are about such persons, the persons' own among them.</summary>
    private static ImmutableArray<SubjectTable> Tables(AppModel app, string persons) =>
    [
        .. app.Entities.Where(entity => entity.KeyedSubject == persons).Select(entity => new SubjectTable(
            entity.Table,
            entity.Name,
            [.. entity.Fields.Where(field => field.IsSealed).Select(SchemaSteps.Sealed)],
            [.. entity.Fields.Where(field => field is { IsSealed: false, Class: DataClass.Personal }).Select(field => field.Name)])),
    ];

    private static EntityModel? Persons(AppModel app, string plural) =>
        app.ByPlural.TryGetValue(plural, out var entity) && entity is { HasSubjectKey: true, IsSubject: true } ? entity : null;

    private static Task AnswerAsync(HttpContext context, SubjectErased? erased) => erased is null
        ? ProblemResults.NotFoundAsync(context, context.RequestAborted)
        : JsonAnswer.WriteAsync(
            context,
            200,
            new Answer(erased.Entity, erased.Subject, erased.ErasedAt, erased.ErasedBy, ReceiptView.Of(erased.Receipt)),
            context.RequestAborted);

    /// <param name="Receipt">Null as long as copies of the key could still be opened.</param>
    private sealed record Answer(string Entity, Guid Subject, DateTimeOffset ErasedAt, string ErasedBy, ReceiptView? Receipt);
}
