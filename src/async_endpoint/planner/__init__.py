"""What a stage would cost and how long its documents would wait, simulated from its templates in virtual time.

`read_stage` reads the templates, `read_arrivals` or a `Pattern` gives the traffic, `simulate` runs both, and
`make_bill` turns the result into dollars a month. A `Simulation` also has a `History` of what happened when.
"""

from async_endpoint.planner.bill import INSTANCES, Bill, BillLine, make_bill
from async_endpoint.planner.conditions import Conditions
from async_endpoint.planner.durations import Durations
from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.history import Bucket, History
from async_endpoint.planner.many import simulate_all
from async_endpoint.planner.outcome import Outcome, nearest_rank
from async_endpoint.planner.patterns import Pattern
from async_endpoint.planner.plan_table import PlanTable, read_plan_options, read_plan_table
from async_endpoint.planner.price_list import ListedPrice, PriceList, price_table, read_price_list
from async_endpoint.planner.prices import Price, PriceTable, bundled_prices, read_prices
from async_endpoint.planner.ranking import Ranked, cheapest_within, rank
from async_endpoint.planner.resource_types import unpriced_types
from async_endpoint.planner.service_times import ServiceTimes
from async_endpoint.planner.simulation import Simulation, simulate
from async_endpoint.planner.stage_functions import Wake, Watchdog
from async_endpoint.planner.sweep import Configuration, configurations, parse_sweep, vary
from async_endpoint.planner.template import Scaling, ScalingAlarm, Stage, read_stage, stage_from
from async_endpoint.planner.traffic import Traffic, read_arrivals

__all__ = [
    "INSTANCES",
    "Bill",
    "BillLine",
    "Bucket",
    "Conditions",
    "Configuration",
    "Durations",
    "History",
    "ListedPrice",
    "Outcome",
    "Pattern",
    "PlanError",
    "PlanTable",
    "Price",
    "PriceList",
    "PriceTable",
    "Ranked",
    "Scaling",
    "ScalingAlarm",
    "ServiceTimes",
    "Simulation",
    "Stage",
    "Traffic",
    "Wake",
    "Watchdog",
    "bundled_prices",
    "cheapest_within",
    "configurations",
    "make_bill",
    "nearest_rank",
    "parse_sweep",
    "price_table",
    "rank",
    "read_arrivals",
    "read_plan_options",
    "read_plan_table",
    "read_price_list",
    "read_prices",
    "read_stage",
    "simulate",
    "simulate_all",
    "stage_from",
    "unpriced_types",
    "vary",
]
