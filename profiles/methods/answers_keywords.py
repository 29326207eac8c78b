"""A stand-in for a teacher behind an API: rules of words, asked with a list of texts, answering with a list of label names.

A real one would call its service here and return what it says; set `network: true` in the profile and run with --online. A model that
generates text is asked for one of the label names, and its answer is cut down to that here.
"""

from __future__ import annotations

from collections.abc import Sequence

RULES = {
    "Networking and Interprocess Communication": "socket loop protocol transport event coroutine future server connection",
    "Internet Data Handling": "message header mail mailbox base64 encoded charset",
    "Internet Protocols and Support": "url http request response cookie address server",
    "Concurrent Execution": "thread process lock queue pool semaphore",
    "Graphical User Interfaces with Tk": "widget window canvas menu tk frame pixel",
    "Structured Markup Processing Tools": "xml node element dom sax html tag",
    "Development Tools": "test type assert doctest generic suite",
    "Numeric and Mathematical Modules": "number decimal float fraction distribution integer",
    "Data Types": "date time timezone sequence mapping deque enum",
    "File and Directory Access": "path directory file glob symlink",
}
OTHERWISE = "Python Runtime Services"


def answer(texts: Sequence[str]) -> list[str]:
    """Return the chapter with the most of its words in each text."""
    return [_chapter(set(text.lower().replace(".", " ").split())) for text in texts]


def _chapter(words: set[str]) -> str:
    votes = {chapter: len(words & set(rule.split())) for chapter, rule in RULES.items()}
    best = max(votes, key=lambda chapter: votes[chapter])
    return best if votes[best] else OTHERWISE
