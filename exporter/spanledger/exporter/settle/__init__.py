"""Claims → charges: every provider response once. Pure: a function of the claim set and of journal time."""

from spanledger.exporter.settle.charge import Charge, Rule, Standing, charge_of, stand
from spanledger.exporter.settle.settler import Settlement, Settler

__all__ = ["Charge", "Rule", "Settlement", "Settler", "Standing", "charge_of", "stand"]
