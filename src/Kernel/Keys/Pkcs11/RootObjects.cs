using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Bulkhead.Kernel.Keys.Pkcs11;

/// <summary>
/// The root keys in a token, found by their label. A root is usually one key object. When two processes make the same root at the same
/// moment it is two, and stays two: which of them was wrapped under meanwhile cannot be known, so none is destroyed; wrapping takes
/// either, unwrapping tries each, and destroying the root destroys both. So no order, lock or crash between steps loses a key.
/// </summary>
internal sealed class RootObjects(TokenConnection connection, string labelPrefix)
{
    private const int MostRoots = 10_000;
    private const int MostOfOne = 64;

    private Cryptoki Functions => connection.Library.Functions;

    public ImmutableArray<int> List(nuint session)
    {
        connection.RequirePresent(session);
        var numbers = new SortedSet<int>();
        foreach (var item in Functions.Find(session, SecretKeys(), MostRoots))
        {
            if (Functions.Attribute(session, item, Ck.Label) is { } label && NumberIn(Encoding.UTF8.GetString(label)) is { } number)
            {
                numbers.Add(number);
            }
        }

        connection.RequirePresent(session);
        return [.. numbers];
    }

    /// <summary>Handles of the root's keys, usually one; none when there is no such root.</summary>
    /// <exception cref="KeyStoreFault">Misconfigured: a key of that label could leave the token.</exception>
    public nuint[] Find(nuint session, int root)
    {
        var found = Functions.Find(session, SecretKeys().With(Ck.Label, LabelOf(root)), MostOfOne);
        if (found.Count == 0)
        {
            connection.RequirePresent(session);
            found = Functions.Find(session, SecretKeys().With(Ck.Label, LabelOf(root)), MostOfOne);
            connection.RequirePresent(session);
        }

        foreach (var item in found)
        {
            RequireSafe(session, item, root);
        }

        return [.. found];
    }

    /// <param name="session">One that may write.</param>
    public void Generate(nuint session, int root) => Functions.GenerateAesKey(session, new AttributeTemplate()
        .With(Ck.Class, Ck.SecretKeyClass)
        .With(Ck.KeyType, Ck.AesKeyType)
        .With(Ck.ValueLength, (nuint)SecretKey.Length)
        .With(Ck.Token, true)
        .With(Ck.Private, true)
        .With(Ck.Sensitive, true)
        .With(Ck.Extractable, false)
        .With(Ck.Modifiable, false)
        .With(Ck.Encrypt, true)
        .With(Ck.Decrypt, true)
        .With(Ck.Wrap, false)
        .With(Ck.Unwrap, false)
        .With(Ck.Sign, false)
        .With(Ck.Verify, false)
        .With(Ck.Derive, false)
        .With(Ck.Label, LabelOf(root))
        .With(Ck.Id, AttributeTemplate.Number(root)));

    /// <param name="session">One that may write.</param>
    public void Destroy(nuint session, int root)
    {
        connection.RequirePresent(session);
        foreach (var item in Functions.Find(session, SecretKeys().With(Ck.Label, LabelOf(root)), MostOfOne))
        {
            var code = Functions.Destroy(session, item);
            // Another process destroys the same root just now.
            if (code is not (ReturnCodes.Ok or ReturnCodes.ObjectHandleInvalid))
            {
                throw new CryptokiFault("C_DestroyObject", code);
            }
        }

        connection.RequirePresent(session);
    }

    // Somebody may have put a key of our label there whose bytes they know.
    private void RequireSafe(nuint session, nuint item, int root)
    {
        if (!Is(Ck.Sensitive, true) || !Is(Ck.Extractable, false) || !Is(Ck.Private, true))
        {
            throw new KeyStoreFault(KeyStoreFaultKind.Misconfigured,
                $"The key {LabelOf(root)} in the token is not private and sensitive, or may be taken out of it. Next step: find out who " +
                "put it there, and delete it with the HSM's own tool if nothing was wrapped under it");
        }

        bool Is(nuint attribute, bool wanted) =>
            Functions.Attribute(session, item, attribute) is [var value] && (value != 0) == wanted;
    }

    private static AttributeTemplate SecretKeys() =>
        new AttributeTemplate().With(Ck.Class, Ck.SecretKeyClass).With(Ck.Token, true);

    private string LabelOf(int root) => string.Create(CultureInfo.InvariantCulture, $"{labelPrefix} {root}");

    /// <summary>Null for a label that is not one of ours to the letter.</summary>
    private int? NumberIn(string label) =>
        label.Length > labelPrefix.Length + 1 &&
        int.TryParse(label.AsSpan(labelPrefix.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
        number > 0 && LabelOf(number) == label ? number : null;
}
