"""`python -m faults`: strike each part under load, count, and write the report.

Exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from faults.account import Account, account
from faults.installations import UnavailableError, installation
from faults.kinds import FAULTS, Fault
from faults.load import Plan, under_load
from faults.machine import Machine, MachineError
from faults.report import as_markdown


def strike(machine: Machine, fault: Fault, plan: Plan) -> Account:
    """One fault from the first message to the account; progress goes to standard output."""
    began = time.monotonic()
    print(f"{time.strftime('%H:%M:%S')}  {fault.name}: {fault.done} ...", flush=True)
    found = asyncio.run(under_load(machine, fault.strike, plan))
    result = account(fault.name, fault.done, found)
    print(
        f"          {result.sent} messages, {result.answered} answered, {result.lost} lost, "
        f"{result.doubled} doubled, {result.disordered} out of order, "
        f"{result.cards}/{result.emergencies} cards, {result.with_case} with a case; "
        f"longest wait {result.longest:.1f} s, took {time.monotonic() - began:.0f} s",
        flush=True,
    )
    for line in result.broken:
        print(f"          BROKEN: {line}", flush=True)
    return result


def main() -> None:
    """Run the faults that are asked for, by default all."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process is left behind
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="a fault's name, or its start")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument("--patients", type=int, default=Plan.patients)
    parser.add_argument("--report", type=Path, default=Path("reports/faults.md"))
    given = parser.parse_args()
    wanted = [f for f in FAULTS if not given.only or f.name.startswith(tuple(given.only))]
    if given.list or not wanted:
        for fault in FAULTS:
            print(f"{fault.name:<24} {fault.done}")
        raise SystemExit(not given.list)
    results: list[Account] = []
    began = time.monotonic()
    left_out: list[str] = []
    for kind in dict.fromkeys(fault.on for fault in wanted):
        of_kind = [fault for fault in wanted if fault.on == kind]
        try:
            with installation(kind) as machine:
                for fault in of_kind:
                    results.append(strike(machine, fault, Plan(patients=given.patients)))
        except UnavailableError as reason:
            left_out += [f"{fault.name}: {reason}" for fault in of_kind]
            print(f"Left out: {left_out[-1]}", flush=True)
        except MachineError as reason:
            undone = [f for f in of_kind if f.name not in {r.name for r in results}]
            for fault in undone:
                results.append(Account(fault.name, fault.done, broken=[str(reason)]))
            print(f"          BROKEN: {reason}", flush=True)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(
        as_markdown(results, left_out, time.monotonic() - began), encoding="utf-8"
    )
    print(f"Written: {given.report}")
    raise SystemExit(any(result.broken for result in results))


if __name__ == "__main__":
    main()
