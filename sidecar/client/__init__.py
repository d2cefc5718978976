"""The client side of the socket with the standard library alone, so that a command starts about as fast as Python."""
