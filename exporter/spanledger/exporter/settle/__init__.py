"""Claims → charges: every provider response once. Pure: a function of the claim set and of journal time."""

from spanledger.exporter.settle.charge import Charge, Rule, charge_of
from spanledger.exporter.settle.memory import SERVICES_MAX, Teller, TraceKey, Unknown
from spanledger.exporter.settle.posted import COLUMNS, Posted, posted_of
from spanledger.exporter.settle.settler import NO_CHARGE, Ruling, Settlement, Settler
from spanledger.exporter.settle.standing import Standing, likenesses_near, response_charge, stand

__all__ = [
    "COLUMNS",
    "NO_CHARGE",
    "SERVICES_MAX",
    "Charge",
    "Posted",
    "Rule",
    "Ruling",
    "Settlement",
    "Settler",
    "Standing",
    "Teller",
    "TraceKey",
    "Unknown",
    "charge_of",
    "likenesses_near",
    "posted_of",
    "response_charge",
    "stand",
]
