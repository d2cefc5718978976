"""The daemon: the socket, its clients, the method table and the composition root."""
