using Bulkhead.Kernel.Tenancy;
using Bulkhead.Platform.Access;
using Bulkhead.Platform.Apps;
using Bulkhead.Tests.Unit.Apps;

namespace Bulkhead.Tests.Unit.Access;

public sealed class PermissionsTests
{
    private static readonly AppModel Model = SampleManifest.Model(SampleManifest.With(
        "  auditor:\n",
        """
          namer:
            entities:
              patient: { actions: [update], write: [name], read: [ssn, age], mask: { ssn: hidden, age: hidden } }
          reader:
            entities:
              patient: { actions: [read], read: { except: [name] } }
          auditor:

        """));

    private static EntityModel Patient => Model.ByName["patient"];

    [Fact]
    public void Deny_everything_without_a_role() => Assert.Null(Of());

    [Fact]
    public void Deny_everything_to_a_role_that_the_app_does_not_know()
    {
        Assert.Null(Of("superuser"));
        Assert.Null(Of("Admin"));
        Assert.Equal(AuditGrant.None, Permissions.Audit(Model, Account("superuser")));
    }

    [Fact]
    public void Hide_an_entity_that_no_role_of_the_actor_names()
    {
        Assert.Null(Permissions.For(Model, Account("clerk"), Model.ByName["visit"]));
        Assert.Null(Of("auditor"));
    }

    [Theory]
    [InlineData(ActorKind.Operator)]
    [InlineData(ActorKind.Platform)]
    public void Deny_everything_to_the_operator_whatever_roles_it_claims(ActorKind kind)
    {
        var actor = new Actor(kind, "someone", ["admin", "auditor"]);

        Assert.Null(Permissions.For(Model, actor, Patient));
        Assert.Equal(AuditGrant.None, Permissions.Audit(Model, actor));
    }

    [Fact]
    public void Read_the_audit_log_only_with_a_role_that_does()
    {
        Assert.Equal(AuditGrant.Read, Permissions.Audit(Model, Account("clerk", "auditor")));
        Assert.Equal(AuditGrant.None, Permissions.Audit(Model, Account("clerk", "admin")));
    }

    [Fact]
    public void Let_nobody_search_by_a_masked_or_unreadable_field()
    {
        var clerk = Of("clerk")!;

        Assert.Equal(["birthDate", "name", "ssn"], clerk.Readable.Order(StringComparer.Ordinal));
        Assert.Equal(["name"], clerk.Searchable);
        Assert.False(clerk.Allows(EntityActions.Create));
        Assert.False(clerk.Allows(EntityActions.List | EntityActions.Delete));
        Assert.True(clerk.Allows(EntityActions.List | EntityActions.Read));
    }

    [Fact]
    public void Unite_what_several_roles_grant()
    {
        var both = Of("clerk", "namer")!;

        Assert.Equal(EntityActions.List | EntityActions.Read | EntityActions.Update, both.Actions);
        Assert.Equal(["name"], both.Writable);
        Assert.Equal(["age", "birthDate", "name", "ssn"], both.Readable.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Keep_the_mask_that_shows_more_and_drop_it_when_a_role_shows_the_field_in_the_clear()
    {
        Assert.Equal("lastFour", Of("namer", "clerk")!.Masks["ssn"].Name);
        Assert.Equal("hidden", Of("namer", "clerk")!.Masks["age"].Name);
        Assert.Empty(Of("namer", "reader", "clerk")!.Masks);
    }

    [Fact]
    public void Know_a_set_of_roles_in_any_order_and_number_and_allocate_nothing_for_it()
    {
        var first = Of("clerk", "namer");
        var again = Account("namer", "clerk", "namer");
        Assert.Same(first, Permissions.For(Model, again, Patient));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Permissions.For(Model, again, Patient);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Stay_right_when_more_sets_of_roles_come_than_are_kept()
    {
        for (var i = 0; i < 2_500; i++)
        {
            Assert.Null(Of($"role{i}"));
        }

        Assert.Equal(["name"], Of("clerk")!.Searchable);
    }

    [Fact]
    public void Grant_with_more_roles_never_less()
    {
        string[] names = ["admin", "clerk", "namer", "reader", "auditor", "unknown"];
        for (var set = 0; set < 1 << names.Length; set++)
        {
            var roles = names.Where((_, i) => (set & (1 << i)) != 0).ToArray();
            foreach (var one in roles)
            {
                var alone = Of(one);
                var all = Of(roles);
                if (alone is not null)
                {
                    Assert.True(all!.Allows(alone.Actions));
                    Assert.Subset(all.Readable.ToHashSet(), alone.Readable.ToHashSet());
                    Assert.Subset(all.Writable.ToHashSet(), alone.Writable.ToHashSet());
                    Assert.Subset(all.Searchable.ToHashSet(), alone.Searchable.ToHashSet());
                    Assert.Subset(alone.Masks.Keys.ToHashSet(), all.Masks.Keys.ToHashSet().Intersect(alone.Readable).ToHashSet());
                }
            }
        }
    }

    private static EntityPermissions? Of(params string[] roles) => Permissions.For(Model, Account(roles), Patient);

    private static Actor Account(params string[] roles) => new(ActorKind.Service, "bhc_test", [.. roles]);
}
