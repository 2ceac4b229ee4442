"""PostgreSQL and Valkey: connections, migrations, embedded engines."""
