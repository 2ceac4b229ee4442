"""What all pages share: templates, forms, notices, and the files that browsers get."""
