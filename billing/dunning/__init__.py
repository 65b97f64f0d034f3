"""
Dunning: overdue documents are asked for by a schedule of steps, each done once.

    remind → retry → suspend → propose_write_off, so many days after the due date

A pause or a promise to pay moves the next step; what is paid ends it and gives access back.
"""

from billing.dunning.acting import Dunned, dun
from billing.dunning.arranging import end, pause, promise, resume
from billing.dunning.schedules import define, steps_of

__all__ = ["Dunned", "define", "dun", "end", "pause", "promise", "resume", "steps_of"]
