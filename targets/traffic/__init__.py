"""The traffic providers, one module each, and the objects of their own that some gateways need, one module each."""
