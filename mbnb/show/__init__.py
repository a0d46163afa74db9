"""What people look at: players, the explorer, figures, the report.

Imports explain and what stands before it.
"""
