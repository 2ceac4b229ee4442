"""Users: accounts, passwords, sessions, tokens, and the throttle of guesses."""
