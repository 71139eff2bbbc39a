"""What is different for each student, and for each run of the grader.

A *seed* belongs to a student and shapes the task: a friend's solution solves
the friend's task. It is a digest of the course's key and the student's name.
A *nonce* belongs to a run and chooses the arguments: it is printed, and NONCE=
repeats the run.
"""

import hashlib
import random
import secrets

KEY = "baton"  # a course sets its own: tools/lab new --key


def of_student(name: str, key: str = KEY) -> int:
    digest = hashlib.sha256(f"{key}/{name}".encode()).digest()
    return int.from_bytes(digest[:6], "little")


def fresh_nonce() -> int:
    return secrets.randbits(48)


def dice(*parts) -> random.Random:
    """A generator for one purpose: the same parts, the same numbers."""
    text = "/".join(map(str, parts))
    return random.Random(hashlib.sha256(text.encode()).digest())


def choose(seed: int, what: str, options: list):
    """One of the options, by a student's seed."""
    return dice(seed, what).choice(options)
