"""What a network must beat; all have `fit(clips)` and `answer(clips)`.

Imports people and what stands before it.
"""
