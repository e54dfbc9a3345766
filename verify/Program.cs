using Bulkhead.Verify;

return CommandLine.Run(args, Console.Out, Console.Error);
