"""Asks a living Prometheus what every panel of every dashboard asks, and says which show nothing.

usage: grafana/look.py [http://127.0.0.1:9090]

A panel that shows nothing is no fault by itself: nothing may have happened yet that it shows. `check.py` is what finds names that
do not exist.
"""

import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
RANGE_S = 900
STEP_S = 15
# Grafana's own variable: four scrapes.
RATE_INTERVAL = "1m"


def asked(base: str, expression: str) -> list[dict]:
    """The series of the last quarter of an hour that have a value which is a number."""
    now = int(time.time())
    query = {"query": expression.replace("$__rate_interval", RATE_INTERVAL), "start": now - RANGE_S, "end": now, "step": STEP_S}
    with urllib.request.urlopen(f"{base}/api/v1/query_range?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        series = json.load(answer)["data"]["result"]
    return [one for one in series if any(value != "NaN" for _, value in one["values"])]


def main() -> int:
    base = sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "http://127.0.0.1:9090"
    panels = empty = faults = 0
    for path in sorted((HERE / "dashboards").glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        print(board["title"])
        for panel in board["panels"]:
            if panel["type"] == "row":
                continue
            panels += 1
            shown = []
            for target in panel["targets"]:
                try:
                    shown.append(len(asked(base, target["expr"])))
                except OSError as error:
                    faults += 1
                    print(f"  FAULT  {panel['title']}: {target['expr']}: {error}")
            if not any(shown):
                empty += 1
                print(f"  empty  {panel['title']}: " + " | ".join(target["expr"] for target in panel["targets"]))
            elif not all(shown):
                print(f"  partly {panel['title']}: " + " | ".join(t["expr"] for t, n in zip(panel["targets"], shown) if not n))
    print(f"{panels} panels, {empty} show nothing, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
