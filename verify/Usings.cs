global using Bulkhead.Verify.Merkle;
