"""Long recordings -> what a person does when: probabilities over time, segments, files of them.

Imports wild and what stands before it.
"""
