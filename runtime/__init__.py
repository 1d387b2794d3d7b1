"""What compiled jobs run in a cluster; it knows units and conventions, and nothing of the compiler."""
