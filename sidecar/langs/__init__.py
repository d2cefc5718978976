"""Language servers: which there are, one client for each running one, buffers, and positions."""
