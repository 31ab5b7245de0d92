"""The HTTP server process: sockets, protocol, limits of the operating system."""
