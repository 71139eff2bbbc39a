"""Tests that are tested: small faults, planted one at a time.

source.py finds the places for a fault in C and NASM. reach.py records which
tests reach which line, with recorder.py, a plugin of pytest. trial.py plants a
fault in a copy of the project, builds it, and runs the tests that reach it, with
server.py, a pytest that stays.
(docs/mutants.md)
"""
