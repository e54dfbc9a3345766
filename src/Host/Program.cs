Console.WriteLine("bulkhead");
