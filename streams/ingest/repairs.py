"""Step 1 of 7: the names of what was mended in an event that could only be judged in part."""

from collections import Counter
from enum import StrEnum
from typing import Final


class RepairReason(StrEnum):
    """What could not be read as it was written; the event is judged by the rest."""

    TEXT_CUT = "text_cut"
    TEXT_UNREADABLE = "text_unreadable"
    AMOUNT_REWRITTEN = "amount_rewritten"
    AMOUNT_UNREADABLE = "amount_unreadable"
    VALUE_UNKNOWN = "value_unknown"
    ID_MISSING = "id_missing"
    DATASET_MISSING = "dataset_missing"
    FIELDS_UNREADABLE = "fields_unreadable"
    PARTICIPANTS_UNREADABLE = "participants_unreadable"
    PARTICIPANTS_AMBIGUOUS = "participants_ambiguous"
    BEYOND_COHORT = "beyond_cohort"
    RANGES_COUNTED = "ranges_counted"
    ID_UNBRIDGED = "id_unbridged"
    KEY_REPEATED = "key_repeated"
    LISTS_COUNTED = "lists_counted"
    NAME_CLEANED = "name_cleaned"
    NAME_LOOK_ALIKE = "name_look_alike"
    QUOTE_UNPAIRED = "quote_unpaired"
    CELLS_MISSING = "cells_missing"


# How often each was mended in one event.
Repairs = Counter[RepairReason]

MEANINGS: Final[dict[RepairReason, str]] = {
    RepairReason.TEXT_CUT: "a text longer than its bound: cut",
    RepairReason.TEXT_UNREADABLE: "an optional text that is empty or no text: left out",
    RepairReason.AMOUNT_REWRITTEN: "a count written as 500.0, 1.2E4 or text: read; stopped at 2^53",
    RepairReason.AMOUNT_UNREADABLE: "a count that is negative or no number: left out",
    RepairReason.VALUE_UNKNOWN: "an action or outcome nobody knows: kept as `other`",
    RepairReason.ID_MISSING: "no id: its place in the input stands for it",
    RepairReason.DATASET_MISSING: "no dataset: kept as `unknown`",
    RepairReason.FIELDS_UNREADABLE: "names of fields that are none: left out",
    RepairReason.PARTICIPANTS_UNREADABLE: "people who cannot be read: left out",
    RepairReason.PARTICIPANTS_AMBIGUOUS: "people given in several ways: the way with most counts",
    RepairReason.BEYOND_COHORT: "people beyond the cohort: left out; counts stop at the cohort",
    RepairReason.RANGES_COUNTED: "ranges of ids of which not each is a person: counted",
    RepairReason.ID_UNBRIDGED: "ids that the bridge does not name: left out; counted if most",
    RepairReason.KEY_REPEATED: "a key given twice: the larger amount counts",
    RepairReason.LISTS_COUNTED: "a message too large to decode: its lists were only counted",
    RepairReason.NAME_CLEANED: "characters that nobody sees in an institution's name: left out",
    RepairReason.NAME_LOOK_ALIKE: "look-alikes in an institution's name: what they look like",
    RepairReason.QUOTE_UNPAIRED: "a quote in a CSV row that nothing closes: read as a letter",
    RepairReason.CELLS_MISSING: "a CSV row that ends too early: the cells it lacks are empty",
}
