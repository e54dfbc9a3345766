namespace Bulkhead.Tests.Unit;
