"""What each command does, between the command line and the compiler: one module each, so that none waits for imports
of another.

Each returns the exit status: 0 for success, 1 for findings, and 2 for wrong usage or unreadable input.
"""
