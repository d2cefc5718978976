"""What tests are made of: real daemons, clients of the tests' own, bad clients, noise, and checks that nothing is left behind."""
