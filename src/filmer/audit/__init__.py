"""The audit log: who changed what, when, from where, before and after (contract §13.3)."""
