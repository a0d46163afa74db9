"""How fast mbnb is beside a plain reference; may import all of mbnb."""
