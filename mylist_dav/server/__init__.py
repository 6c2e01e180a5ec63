"""The edge: connections, engines and worker processes. Front ends are put together and served here."""
