"""All pages. They are put together from the domains' rules and queries, and so stand above them."""
