"""People: accounts, passwords, sessions, and what slows guesses down."""
