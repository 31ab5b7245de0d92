"""The HTTP server process: sockets, uvicorn's protocol, and limits of the operating system."""
