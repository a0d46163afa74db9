"""How fast mbnb is beside a plain reference, on processors and on a GPU.

It lies beside the package: it may import all of mbnb, and mbnb never imports it.
"""
