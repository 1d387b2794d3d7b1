"""The programs that compiled jobs run in a cluster. They know units and conventions, but not the compiler."""
