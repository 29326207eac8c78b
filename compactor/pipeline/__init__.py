"""From profile to plan, run, store and record. Knows stages only by their contract."""
