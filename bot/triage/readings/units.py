"""Conversion of patients' units into the canonical ones, on one cached pint registry.

Canonical units: degC, kg, h, mL, 1/min, mmHg, %, mmol/L (glucose, molar mass 180.16 g/mol).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import pint

CANONICAL = {
    "temperature": "degC",
    "weight_change": "kg",
    "count": "1",
    "duration": "h",
    "urine": "mL",
    "pulse": "1/min",
    "systolic": "mmHg",
    "oxygen": "%",
    "sugar": "mmol/L",
}
"""Canonical unit of every kind of reading, as it stands in ``Reading.unit``."""

_PINT_NAME = {
    "degC": "degC",
    "kg": "kilogram",
    "1": "dimensionless",
    "h": "hour",
    "mL": "milliliter",
    "1/min": "1/minute",
    "mmHg": "mmHg",
    "%": "percent",
    "mmol/L": "millimole/liter",
}
_GLUCOSE_GRAMS_PER_MOLE = 180.16
_DECIMALS = 4


@cache
def _registry() -> Any:
    return pint.UnitRegistry()


@lru_cache(maxsize=4096)
def convert(value: float, unit: str, kind: str) -> float:
    """A value in the canonical unit of ``kind``, rounded to four decimals.

    Args:
        value: a finite number in ``unit``.
        unit: any unit pint knows: ``degF``, ``stone``, ``pound``, ``mg/dL``, ``cup`` ...
        kind: a key of ``CANONICAL``.

    Raises:
        pint.PintError: the unit is unknown or measures something else.
    """
    registry = _registry()
    quantity = registry.Quantity(value, unit)
    target = _PINT_NAME[CANONICAL[kind]]
    if kind == "sugar":
        molar_mass = registry.Quantity(_GLUCOSE_GRAMS_PER_MOLE, "gram/mole")
        converted = quantity.to(target, "chemistry", mw=molar_mass)
    else:
        converted = quantity.to(target)
    return round(float(converted.magnitude), _DECIMALS)
