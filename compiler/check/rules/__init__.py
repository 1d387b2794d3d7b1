"""The lint rules, by subject; `registry` lists them."""
