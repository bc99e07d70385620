"""Step 7 of 7: how far a partition has been delivered without a gap."""


class DeliveryProgress:
    """Deliveries end in any order; only what lies before the first open one may be committed.

    >>> progress = DeliveryProgress()
    >>> for offset in (3, 4, 7):
    ...     progress.took(offset)
    >>> progress.ended(4)
    >>> progress.position
    3
    >>> progress.ended(3)
    >>> progress.position
    7
    >>> progress.ended(7)
    >>> progress.position
    8
    """

    __slots__ = ("_next", "_open")

    def __init__(self) -> None:
        """Begin with nothing taken."""
        self._open: dict[int, None] = {}
        self._next: int | None = None

    def took(self, offset: int) -> None:
        """Note a record that is to be delivered; offsets rise."""
        self._open[offset] = None
        self._next = offset + 1

    def ended(self, offset: int) -> None:
        """Note that nothing more is to be done about a record."""
        self._open.pop(offset, None)

    @property
    def position(self) -> int | None:
        """Where to go on after a restart; None while nothing was taken."""
        return next(iter(self._open), self._next)
