"""Step 3 of 7: how many were read, not who -> how many of them were probably never read before.

Of a relation of N people, H are taken as held. A request that returns n of them, whoever they are,
returns n (N - H) / N new ones if it draws at random: the expected occupancy of n more draws
without replacement. Repeated, what is held goes up to N and never beyond, so re-reading costs ever
less. Who pages through the relation in order takes more than that, up to the sum of all counts:
that sum, stopped at N, is the bound that an alert names beside it.

Source: the classical occupancy problem, W. Feller (1968), "An Introduction to Probability Theory
and Its Applications" I, 3rd edition, section IV.2. Parts of people are whole numbers, rounded up,
so that many small requests lose nobody.
"""

from typing import Final

# One person.
PERSON_UNITS: Final = 2**20


def new_units(count: int, *, held_units: int, size: int) -> int:
    """Return how many new people `count` of `size` are expected to be, in parts of a person.

    >>> new_units(400, held_units=0, size=1_000) // PERSON_UNITS
    400
    >>> new_units(400, held_units=500 * PERSON_UNITS, size=1_000) // PERSON_UNITS
    200
    """
    unheld = max(0, size * PERSON_UNITS - held_units)
    return -(-min(count, size) * unheld // size)
