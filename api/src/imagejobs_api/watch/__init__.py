"""`/watch/{ticket}`: one job for whoever has its watch link, without an API key; read only."""
