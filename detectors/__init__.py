"""Headgate's core: a pure function from one institution's events to judgements.

The names in `__all__` are the public interface: they, what they take and what they return stay
as they are within a minor version. Everything else may move.

>>> import detectors
>>> north = detectors.open_profile("north", config=detectors.CoreConfig())
>>> visit = detectors.AccessEvent(id="e-1", time=0, institution="north", dataset="imaging")
>>> detectors.judge(north, visit)
()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from detectors.config import CoreConfig
    from detectors.errors import ConfigError, CoreError, HeadgateError, StateError
    from detectors.event import AccessEvent, Participants
    from detectors.peers.builder import ReferenceBuilder
    from detectors.peers.reference import Reference
    from detectors.pipeline import judge
    from detectors.profile import Profile, apply_reference, open_profile
    from detectors.register import Exemption, Institution, Project, Register
    from detectors.snapshot import Snapshot, dump, load
    from detectors.verdict import Alert, DailySummary, NewHoldings, RaiseAlert, ReasonDetail

__all__ = [
    "AccessEvent",
    "Alert",
    "ConfigError",
    "CoreConfig",
    "CoreError",
    "DailySummary",
    "Exemption",
    "HeadgateError",
    "Institution",
    "NewHoldings",
    "Participants",
    "Profile",
    "Project",
    "RaiseAlert",
    "ReasonDetail",
    "Reference",
    "ReferenceBuilder",
    "Register",
    "Snapshot",
    "StateError",
    "apply_reference",
    "dump",
    "judge",
    "load",
    "open_profile",
]

_HOMES: Final = {
    "config": ("CoreConfig",),
    "errors": ("ConfigError", "CoreError", "HeadgateError", "StateError"),
    "event": ("AccessEvent", "Participants"),
    "pipeline": ("judge",),
    "profile": ("Profile", "apply_reference", "open_profile"),
    "peers.builder": ("ReferenceBuilder",),
    "peers.reference": ("Reference",),
    "register": ("Exemption", "Institution", "Project", "Register"),
    "snapshot": ("Snapshot", "dump", "load"),
    "verdict": ("Alert", "DailySummary", "NewHoldings", "RaiseAlert", "ReasonDetail"),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return a public name from its module, which is imported only now.

        A command that judges nothing imports a part of the core without the whole of it.
        """
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"detectors.{home}"), name)
        problem = f"module 'detectors' has no attribute {name!r}"
        raise AttributeError(problem)


def __dir__() -> list[str]:
    return __all__
