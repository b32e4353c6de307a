"""PostgreSQL: the embedded server, connections, statements, migrations. The only package that imports the driver."""
