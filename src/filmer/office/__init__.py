"""What the admin pages show: figures of the whole shop."""
