"""Mail: the outbox, what is in each kind of mail, and its delivery."""
