"""What schemathesis cannot know: sign-ins and tokens in turn, because each has a rate limit, and values that exist."""

import itertools
import json
import os
import threading

import schemathesis

with open(os.environ["TORNADO_KNOWN"], encoding="utf-8") as file:
    KNOWN = json.load(file)
LOCK = threading.Lock()
TURNS = itertools.cycle(KNOWN["callers"])
CHANCE = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    with LOCK:
        caller, chance = next(TURNS), next(CHANCE)
        # Signing out would end the sign-in of later requests.
        while case.path.endswith("/sign-out") and "Cookie" in caller:
            caller = next(TURNS)
    headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
    case.headers = {**headers, **caller}
    parameters = case.path_parameters or {}
    for name in parameters:
        # Every other valid request concerns something that exists.
        is_valid = case.meta is not None and case.meta.generation.mode.is_positive
        if is_valid and chance % 2 and name in KNOWN["values"]:
            parameters[name] = KNOWN["values"][name]
        # schemathesis learns values from responses. It must not remove what the test needs, or stop a service.
        changes = case.method == "DELETE" or (case.method != "GET" and name != "user")
        if changes and parameters[name] in KNOWN["kept"]:
            parameters[name] = KNOWN["instead"][name]
