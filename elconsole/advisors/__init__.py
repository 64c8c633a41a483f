"""Four advisors: pure rules over what the ledger, the catalogs and the pass rates say.

Each finding states its numbers and the command that acts on it. Thresholds are chosen so
that a healthy plant hears nothing: advice that is always there is never read.
"""
