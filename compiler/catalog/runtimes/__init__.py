"""One file for each serving runtime, in the language of `platform.runtimes.<name>`."""
