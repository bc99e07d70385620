"""Inputs of the kinds that once were judged wrongly and that `world.py` does not write.

Each is written as a user would have it: a log, and where it needs one a configuration.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

Events = list[dict[str, Any]]
Files = dict[str, bytes]

# The name of the file that says how a log is read.
CONFIG: Final = "headgate.toml"
DAY_MS: Final = 86_400_000
THEFT_DAY: Final = 45
_MAPPING: Final = """
[mapping]
name = "log"
format = "csv"
columns = ["at", "who", "user", "what", "ids"]
{time}

[mapping.event]
time = "at"
institution = "who"
user = "user"
dataset = "what"
participants = "ids"
"""


def lines(events: Events) -> bytes:
    """Return events as NDJSON."""
    return b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)


def csv_file(rows: list[list[str]]) -> bytes:
    """Return rows under their header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["at", "who", "user", "what", "ids"], *rows])
    return text.getvalue().encode()


def mapping(time: str = "") -> bytes:
    """Return a configuration that reads such rows."""
    return _MAPPING.format(time=time).encode()


class Worlds:
    """Writes the inputs, on top of what `world.py` says of honest institutions and of a thief."""

    def __init__(self, world: ModuleType) -> None:
        """Make the honest background once: a smaller one, to be quick."""
        self._world = world
        self._base: Events = world.honest(days=THEFT_DAY, institutions=10)

    def files(self) -> Iterator[tuple[str, Files]]:
        """Yield the name of each case, and its files by their names."""
        makers: dict[str, Callable[[], Files]] = {
            name.removeprefix("_make_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("_make_")
        }
        for name, make in makers.items():
            yield name, make()

    def _theft(self, **changes: Any) -> Events:  # noqa: ANN401 - as `world.py` has it.
        events: Events = self._world.theft(day=THEFT_DAY, **changes)
        return events

    def _make_no_row_has_a_time(self) -> Files:
        events = [{k: v for k, v in event.items() if k != "time"} for event in self._base]
        return {"log.ndjson": lines(events)}

    def _make_a_log_without_people(self) -> Files:
        keys = ("id", "time", "institution", "dataset", "bytes")
        return {"log.ndjson": lines([{key: event[key] for key in keys} for event in self._base])}

    def _make_one_json_array(self) -> Files:
        return {"log.ndjson": json.dumps(self._base[:200]).encode()}

    def _make_records_of_one_refused(self) -> Files:
        torn = [{k: v for k, v in event.items() if k != "time"} for event in self._theft()]
        return {"log.ndjson": lines(self._base + torn)}

    def _make_loud_names_before(self) -> Files:
        loud = [
            self._world.event(
                f"loud-{name}-{page}",
                self._world.T0 + (THEFT_DAY - 2) * DAY_MS + page * 60_000,
                f"sacrificed-{name}",
                "u",
                list(range(page * 2_000, (page + 1) * 2_000)),
            )
            for name in range(8)
            for page in range(100)
        ]
        events = sorted(self._base + loud, key=lambda event: int(event["time"]))
        return {"log.ndjson": lines(events + self._theft())}

    def _make_five_spellings(self) -> Files:
        names = ("inst-05", "INST-05", " inst-05 ", "inst\u200b-05", "\u0456nst-05")
        stolen = self._theft()
        for number, event in enumerate(stolen):
            event["institution"] = names[number % len(names)]
        return {"log.ndjson": lines(self._base + stolen)}

    def _make_two_producers_from_one(self) -> Files:
        halves = [self._theft(total=30_000, start=start) for start in (100_000, 300_000)]
        events: Events = [
            {
                "specversion": "1.0",
                "type": "access",
                "source": f"/front-end-{place}",
                "id": str(number),
                "data": {k: v for k, v in event.items() if k != "id"},
            }
            for place, half in enumerate(halves)
            for number, event in enumerate(half, 1)
        ]
        events.sort(key=lambda event: event["data"]["time"])
        return {"log.ndjson": lines(self._base) + lines(events)}

    def _make_hashed_ids_beyond_the_cohort(self) -> Files:
        hashed = [
            event | {"participants": {"ids": [(id_ * 2_654_435_761 + 97) % 2**62 for id_ in ids]}}
            for event in self._base[:1_500] + self._theft()
            if (ids := event["participants"]["ids"])
        ]
        config = b'[cohort]\nsize = 20_000\nparticipant_ids = "hashed"\n'
        return {"log.ndjson": lines(hashed), CONFIG: config}

    def _make_equal_rows_in_one_second(self) -> Files:
        row = ["2026-01-01T12:00:00Z", "north", "u", "imaging", "7"]
        return {"log.csv": csv_file([row] * 400), CONFIG: mapping()}

    def _make_a_stray_quote(self) -> Files:
        rows = [
            [
                f"2026-01-01T12:{number // 60 % 60:02}:{number % 60:02}Z",
                "north",
                "u",
                "d",
                str(number),
            ]
            for number in range(3_000)
        ]
        text = csv_file(rows).split(b"\n")
        text[1_500] = text[1_500].replace(b",u,", b',"u,')
        return {"log.csv": b"\n".join(text), CONFIG: mapping()}

    def _make_a_long_cell(self) -> Files:
        ids = ";".join(map(str, range(30_000)))
        rows = [["2026-01-01T12:00:00Z", "north", "u", "d", ids]]
        return {"log.csv": csv_file(rows), CONFIG: mapping()}

    def _make_utf_16(self) -> Files:
        return {"log.ndjson": lines(self._base[:50]).decode().encode("utf-16")}

    def _make_carriage_returns_only(self) -> Files:
        return {"log.ndjson": lines(self._base[:50]).replace(b"\n", b"\r")}

    def _make_first_line_too_long(self) -> Files:
        return {"log.csv": b"x" * 200_000 + b"\n", CONFIG: mapping()}

    def _make_zone_by_name(self) -> Files:
        config = mapping('time_format = "%Y-%m-%d %H:%M %Z"')
        rows = [["2026-01-01 12:00 BST", "north", "u", "d", "7"]]
        return {"log.csv": csv_file(rows), CONFIG: config}

    def _make_one_object_a_row(self) -> Files:
        night = self._world.T0 + THEFT_DAY * DAY_MS + 2 * 3_600_000
        rows = [
            self._world.event(f"x{number}", night + number * 100, "inst-05", "u-bad", [id_])
            for number, id_ in enumerate(range(100_000, 130_000))
        ]
        return {"log.ndjson": lines(self._base + rows)}

    def _make_late_by_32_days(self) -> Files:
        late = self._theft()
        for event in late:
            event["time"] -= 32 * DAY_MS
        return {"log.ndjson": lines(self._base + late)}

    def _make_re_reading_with_bytes(self) -> Files:
        known = sorted(
            {
                id_
                for event in self._base
                if event["institution"] == "inst-05"
                for id_ in event["participants"]["ids"]
            }
        )
        night = self._world.T0 + THEFT_DAY * DAY_MS + 2 * 3_600_000
        again = [
            self._world.event(
                f"x{page}",
                night + page * 20_000,
                "inst-05",
                "u-again",
                known[page * 100 : (page + 1) * 100],
            )
            | {"bytes": 500_000_000}
            for page in range(len(known) // 100)
        ]
        return {"log.ndjson": lines(self._base + again)}
