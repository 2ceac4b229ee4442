"""What filmer holds of a person: taken along as a file, and removed (contract §12.3)."""
