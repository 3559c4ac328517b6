"""From a `Call` to a `Reply`: ledger, retry, budget, concurrency, client, in this order."""
