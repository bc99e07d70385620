"""The configuration file, the environment, the register file, and their generated pages."""
