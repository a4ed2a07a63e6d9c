"""What a stage would cost and how long its documents would wait, simulated from its templates in virtual time.

`read_stage` reads the templates, `read_arrivals` or a `Pattern` gives the traffic, `simulate` runs both, and
`make_bill` turns the result into dollars a month. A `Simulation` also has a `History` of what happened when.
"""

from async_endpoint.planner.bill import Bill, BillLine, make_bill
from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.durations import Durations
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.history import Bucket, History
from async_endpoint.planner.outcome import Outcome
from async_endpoint.planner.patterns import Pattern
from async_endpoint.planner.prices import Price, PriceTable, bundled_prices
from async_endpoint.planner.simulation import Simulation, simulate
from async_endpoint.planner.stage_functions import Wake, Watchdog
from async_endpoint.planner.template import Scaling, ScalingAlarm, Stage, read_stage, stage_from
from async_endpoint.planner.traffic import Traffic, read_arrivals

__all__ = [
    "Bill",
    "BillLine",
    "Bucket",
    "Conditions",
    "Durations",
    "History",
    "Outcome",
    "Pattern",
    "PlanError",
    "Price",
    "PriceTable",
    "Scaling",
    "ScalingAlarm",
    "Simulation",
    "Stage",
    "Traffic",
    "Wake",
    "Watchdog",
    "bundled_prices",
    "make_bill",
    "read_arrivals",
    "read_stage",
    "simulate",
    "stage_from",
]
