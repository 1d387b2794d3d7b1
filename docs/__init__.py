"""The documentation, and the program that generates the reference."""
