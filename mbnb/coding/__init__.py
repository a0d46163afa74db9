"""Files of coded intervals, read and written; intervals cut into clips, counted and compared.

Imports scores and what stands before it, but nothing that needs torch.
"""

from mbnb.coding.reading import choose, describe, read_coding, read_codings
from mbnb.coding.writing import write_coding

__all__ = ["choose", "describe", "read_coding", "read_codings", "write_coding"]
