"""Measures of a segmentation, against a reference and without one. `docs/measures.md` has the
formulas.

Only a comparison with a reference is called Dice. Between members it is called agreement.
`evaluation` holds the values, `labels` their names for people, and `evaluate` computes them.
"""
