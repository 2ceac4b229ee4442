"""Worker processes: how they are started, replaced and stopped, and what each does once a minute."""
