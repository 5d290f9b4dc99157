"""Claims → charges: every provider response once. Pure: a function of the claim set and of journal time."""

from spanledger.exporter.settle.charge import Charge, Standing, charge_of
from spanledger.exporter.settle.settler import Settlement, Settler

__all__ = ["Charge", "Settlement", "Settler", "Standing", "charge_of"]
