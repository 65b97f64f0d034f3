"""Django's PostgreSQL backend, with the embedded server started when it is first needed."""
