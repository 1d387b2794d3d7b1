"""What each command does, between the command line and the compiler: a module each, so that none waits for another's.

Each returns the exit status: 0 is fine, 1 means findings, 2 wrong usage or input that cannot be read.
"""
