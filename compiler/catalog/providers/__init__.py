"""One file for each provider, by capability, in the language of `platform.providers.<capability>.<name>`."""
