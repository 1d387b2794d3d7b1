"""The command line's input and output: the only code that finds and reads files, prints, and writes."""
