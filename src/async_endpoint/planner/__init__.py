"""What a stage would cost and how long its documents would wait, simulated from its templates in virtual time.

`read_stage` reads the templates, `read_arrivals` or a `Pattern` gives the traffic, `simulate` runs both, and
`make_bill` turns the result into dollars a month.
"""

from async_endpoint.planner.bill import Bill, BillLine, make_bill
from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.durations import Durations
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.many import simulate_all
from async_endpoint.planner.outcome import Outcome
from async_endpoint.planner.patterns import Pattern
from async_endpoint.planner.prices import Price, PriceTable, bundled_prices
from async_endpoint.planner.ranking import Ranked, cheapest_within, rank
from async_endpoint.planner.service_times import ServiceTimes
from async_endpoint.planner.simulation import simulate
from async_endpoint.planner.stage_functions import Wake, Watchdog
from async_endpoint.planner.sweep import Configuration, configurations, parse_sweep, vary
from async_endpoint.planner.template import Scaling, ScalingAlarm, Stage, read_stage, stage_from
from async_endpoint.planner.traffic import Traffic, read_arrivals

__all__ = [
    "Bill",
    "BillLine",
    "Conditions",
    "Configuration",
    "Durations",
    "Outcome",
    "Pattern",
    "PlanError",
    "Price",
    "PriceTable",
    "Ranked",
    "Scaling",
    "ScalingAlarm",
    "ServiceTimes",
    "Stage",
    "Traffic",
    "Wake",
    "Watchdog",
    "bundled_prices",
    "cheapest_within",
    "configurations",
    "make_bill",
    "parse_sweep",
    "rank",
    "read_arrivals",
    "read_stage",
    "simulate",
    "simulate_all",
    "stage_from",
    "vary",
]
