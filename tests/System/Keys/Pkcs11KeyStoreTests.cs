using System.Runtime.InteropServices;
using Bulkhead.Kernel.Keys;
using Bulkhead.Kernel.Keys.Pkcs11;

namespace Bulkhead.Tests.System.Keys;

[Collection(SoftHsm.Name)]
public sealed class Pkcs11KeyStoreTests(SoftHsm hsm) : IDisposable
{
    private static int _lastRoot;

    private readonly Pkcs11KeyStore _store = hsm.Store(SoftHsm.Roots);
    private readonly SecretKey _key = SecretKey.Random();
    private readonly byte[] _associated = "tenant key 7"u8.ToArray();

    public void Dispose()
    {
        _store.Dispose();
        _key.Dispose();
    }

    [SoftHsmFact]
    public async Task Unwrap_gives_what_was_wrapped_and_two_wraps_differ()
    {
        var root = await NewRootAsync();
        var first = await WrapAsync(root);
        var second = await WrapAsync(root);
        Assert.Equal(65, first.Length);
        Assert.NotEqual(first, second);
        Assert.Equal(-1, first.AsSpan().IndexOf(_key.Bytes));
        Assert.True(await OpensAsync(_store, root, first));
        Assert.True(await OpensAsync(_store, root, second));
        using var other = hsm.Store(SoftHsm.Roots);
        Assert.True(await OpensAsync(other, root, first));
    }

    [SoftHsmFact]
    public async Task A_change_of_any_byte_of_the_wrapped_key_is_noticed()
    {
        var root = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        for (var i = 0; i < wrapped.Length; i++)
        {
            var changed = wrapped.ToArray();
            changed[i] ^= 1;
            await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, root, changed));
        }

        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, root, wrapped[..^1]));
        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, root, [.. wrapped, 0]));
        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, root, []));
        Assert.True(await OpensAsync(_store, root, wrapped));
    }

    [SoftHsmFact]
    public async Task A_wrapped_key_opens_only_with_what_it_is_bound_to()
    {
        var root = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        await FailsAsync(KeyStoreFaultKind.NotGenuine, async () => await _store.UnwrapAsync(root, wrapped, default, default));
        await FailsAsync(KeyStoreFaultKind.NotGenuine, async () => await _store.UnwrapAsync(root, wrapped, "tenant key 8"u8.ToArray(), default));
    }

    [SoftHsmFact]
    public async Task A_root_opens_nothing_of_another_one()
    {
        var root = await NewRootAsync();
        var other = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, other, wrapped));
        // Nor when it says that it is of that one.
        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, other, [wrapped[0], .. AttributeTemplate.Number(other), .. wrapped[5..]]));
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(_store, 900_000, wrapped));
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, async () => await _store.WrapAsync(900_000, _key, default, default));
    }

    [SoftHsmFact]
    public async Task A_root_is_made_once_and_listed()
    {
        var root = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        await _store.CreateAsync(root, default);
        using var other = hsm.Store(SoftHsm.Roots);
        await other.CreateAsync(root, default);
        Assert.True(await OpensAsync(_store, root, wrapped));
        var roots = await _store.ListAsync(default);
        Assert.Contains(root, roots);
        Assert.Equal(roots.Order().Distinct(), roots);
        WithSession(SoftHsm.Roots, (objects, session) => Assert.Single(objects.Find(session, root)));
    }

    [SoftHsmFact]
    public async Task Installations_that_share_a_token_do_not_see_each_others_roots()
    {
        var root = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        using var neighbour = new Pkcs11KeyStore(hsm.Options(SoftHsm.Roots) with { KeyLabelPrefix = "bulkhead root 1" }, TimeProvider.System);
        await neighbour.CreateAsync(1, default);
        Assert.Equal(1, Assert.Single(await neighbour.ListAsync(default)));
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(neighbour, root, wrapped));
        Assert.DoesNotContain(11, await _store.ListAsync(default));
        await neighbour.DestroyAsync(1, default);

        using var namesake = new Pkcs11KeyStore(hsm.Options(SoftHsm.Roots) with { KeyLabelPrefix = "bulkhead tree" }, TimeProvider.System);
        await namesake.CreateAsync(77_000, default);
        Assert.DoesNotContain(77_000, await _store.ListAsync(default));
    }

    [SoftHsmFact]
    public async Task A_destroyed_root_opens_nothing_in_any_process_ever_again()
    {
        var root = await NewRootAsync();
        var wrapped = await WrapAsync(root);
        using var other = hsm.Store(SoftHsm.Roots);
        Assert.True(await OpensAsync(other, root, wrapped));
        await _store.DestroyAsync(root, default);
        await _store.DestroyAsync(root, default);
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(_store, root, wrapped));
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(other, root, wrapped));
        Assert.DoesNotContain(root, await _store.ListAsync(default));
        // A new one of that number is another key.
        await _store.CreateAsync(root, default);
        await FailsAsync(KeyStoreFaultKind.NotGenuine, () => OpensAsync(_store, root, wrapped));
    }

    [SoftHsmFact]
    public async Task The_token_hands_out_no_roots_value()
    {
        var root = await NewRootAsync();
        const nuint value = 0x11, alwaysSensitive = 0x165, neverExtractable = 0x164;
        WithSession(SoftHsm.Roots, (objects, session) =>
        {
            var item = Assert.Single(objects.Find(session, root));
            Assert.Equal((nuint)0x11, RawAttribute(session, item, value));
            var functions = CryptokiLibrary.Open(SoftHsm.Library).Functions;
            foreach (var (attribute, wanted) in new (nuint, byte)[]
            {
                (alwaysSensitive, 1), (neverExtractable, 1), (Ck.Sensitive, 1), (Ck.Extractable, 0), (Ck.Private, 1), (Ck.Token, 1),
                (Ck.Wrap, 0), (Ck.Unwrap, 0), (Ck.Sign, 0), (Ck.Derive, 0), (Ck.Modifiable, 0),
            })
            {
                Assert.Equal<byte[]>([wanted], functions.Attribute(session, item, attribute)!);
            }

            Assert.Equal<byte[]>(AttributeTemplate.Number(root), functions.Attribute(session, item, Ck.Id)!);
        });
    }

    [SoftHsmFact]
    public async Task A_key_of_our_label_that_may_leave_the_token_is_refused()
    {
        var root = Interlocked.Increment(ref _lastRoot) + 500;
        WithSession(SoftHsm.Roots, (_, session) => CryptokiLibrary.Open(SoftHsm.Library).Functions.GenerateAesKey(session, Planted(root, extractable: true)));
        await FailsAsync(KeyStoreFaultKind.Misconfigured, async () => await _store.CreateAsync(root, default));
        await FailsAsync(KeyStoreFaultKind.Misconfigured, () => WrapAsync(root));
        await _store.DestroyAsync(root, default);
        await _store.CreateAsync(root, default);
    }

    [SoftHsmFact]
    public async Task A_root_that_two_processes_made_at_once_opens_what_either_wrapped()
    {
        var root = await NewRootAsync();
        var first = await WrapAsync(root);
        // The other process looked before the first had made it, and made its own after; and has wrapped under that.
        byte[] second = [1, .. AttributeTemplate.Number(root), .. new byte[60]];
        WithSession(SoftHsm.Roots, (objects, session) =>
        {
            var known = objects.Find(session, root);
            objects.Generate(session, root);
            var own = Assert.Single(objects.Find(session, root).Except(known));
            byte[] bound = [.. new KeyContext("pkcs11").Add(root).Bytes, .. _associated];
            CryptokiLibrary.Open(SoftHsm.Library).Functions.Encrypt(session, own, second.AsSpan(5, 12), bound, _key.Bytes, second.AsSpan(17));
        });
        Assert.True(await OpensAsync(_store, root, second));
        Assert.True(await OpensAsync(_store, root, first));
        using var fresh = hsm.Store(SoftHsm.Roots);
        await fresh.CreateAsync(root, default);
        Assert.True(await OpensAsync(fresh, root, first));
        Assert.True(await OpensAsync(fresh, root, second));
        Assert.Equal(1, (await fresh.ListAsync(default)).Count(number => number == root));

        await fresh.DestroyAsync(root, default);
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(_store, root, first));
        await FailsAsync(KeyStoreFaultKind.NoSuchRoot, () => OpensAsync(_store, root, second));
    }

    [SoftHsmFact]
    public async Task Many_make_the_same_root_at_the_same_moment_and_open_each_others_keys()
    {
        var root = Interlocked.Increment(ref _lastRoot);
        var stores = Enumerable.Range(0, 4).Select(_ => hsm.Store(SoftHsm.Roots)).ToList();
        await Task.WhenAll(stores.Select(store => store.CreateAsync(root, default).AsTask()));
        foreach (var from in stores)
        {
            var wrapped = await from.WrapAsync(root, _key, _associated, default);
            foreach (var to in stores)
            {
                Assert.True(await OpensAsync(to, root, wrapped));
            }
        }

        stores.ForEach(store => store.Dispose());
    }

    [SoftHsmFact]
    public async Task Eight_at_once_get_each_its_own_key()
    {
        var root = await NewRootAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                using var key = SecretKey.Random();
                var bound = BitConverter.GetBytes((caller * 1000) + i);
                var wrapped = await _store.WrapAsync(root, key, bound, default);
                using var opened = await _store.UnwrapAsync(root, wrapped, bound, default);
                Assert.True(opened.Bytes.SequenceEqual(key.Bytes));
            }
        })));
    }

    [SoftHsmFact]
    public async Task A_library_that_is_missing_or_none_names_the_next_step()
    {
        foreach (var library in new[] { Path.Combine(hsm.Folder, "absent.so"), "/usr/lib/softhsm/../../bin/env", await NoLibraryAsync() })
        {
            using var store = new Pkcs11KeyStore(hsm.Options(SoftHsm.Roots) with { Library = library }, TimeProvider.System);
            var fault = await FailsAsync(KeyStoreFaultKind.Misconfigured, async () => await store.ListAsync(default));
            Assert.Contains("Next step", fault.Message, StringComparison.Ordinal);
        }
    }

    private async Task<string> NoLibraryAsync()
    {
        var path = Path.Combine(hsm.Folder, "text.so");
        await File.WriteAllTextAsync(path, "no library");
        return path;
    }

    private async Task<int> NewRootAsync()
    {
        var root = Interlocked.Increment(ref _lastRoot);
        await _store.CreateAsync(root, default);
        return root;
    }

    private async Task<byte[]> WrapAsync(int root) => await _store.WrapAsync(root, _key, _associated, default);

    private async Task<bool> OpensAsync(Pkcs11KeyStore store, int root, byte[] wrapped)
    {
        using var opened = await store.UnwrapAsync(root, wrapped, _associated, default);
        return opened.Bytes.SequenceEqual(_key.Bytes);
    }

    private static async Task<KeyStoreFault> FailsAsync(KeyStoreFaultKind kind, Func<Task> act)
    {
        var fault = await Assert.ThrowsAsync<KeyStoreFault>(act);
        Assert.Equal(kind, fault.Kind);
        return fault;
    }

    private static AttributeTemplate Planted(int root, bool extractable) => new AttributeTemplate()
        .With(Ck.Class, Ck.SecretKeyClass)
        .With(Ck.KeyType, Ck.AesKeyType)
        .With(Ck.ValueLength, (nuint)32)
        .With(Ck.Token, true)
        .With(Ck.Private, true)
        .With(Ck.Sensitive, true)
        .With(Ck.Extractable, extractable)
        .With(Ck.Encrypt, true)
        .With(Ck.Decrypt, true)
        .With(Ck.Label, $"bulkhead root {root}");

    private void WithSession(string token, Action<RootObjects, nuint> act)
    {
        var connection = TokenConnection.Open(CryptokiLibrary.Open(SoftHsm.Library), hsm.Options(token));
        var session = connection.OpenSession(write: true);
        try
        {
            act(new RootObjects(connection, "bulkhead root"), session);
        }
        finally
        {
            connection.Close(session);
            connection.Drop();
        }
    }

    /// <summary>What C_GetAttributeValue returns, called past the kernel's own code.</summary>
    private static nuint RawAttribute(nuint session, nuint item, nuint type)
    {
        var function = Marshal.GetDelegateForFunctionPointer<GetAttributeValue>(
            NativeLibrary.GetExport(NativeLibrary.Load(SoftHsm.Library), "C_GetAttributeValue"));
        var memory = Marshal.AllocHGlobal(256);
        try
        {
            Marshal.WriteIntPtr(memory, (nint)type);
            Marshal.WriteIntPtr(memory, 8, memory + 24);
            Marshal.WriteIntPtr(memory, 16, 200);
            return function(session, item, memory, 1);
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private delegate nuint GetAttributeValue(nuint session, nuint item, nint template, nuint count);
}
