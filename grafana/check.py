"""Dashboards and rules may only name metrics and labels that the program has.

A metric is a string literal "nightshift_…" in the Rust sources, a metric of the process, or one that Prometheus makes itself.
Where promtool is installed, its own checks and the tests of the rules run too.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
SKIPPED_FOLDERS = {"target", "data", ".git"}

METRIC_LITERAL = re.compile(r'"(nightshift_[a-z0-9_]+)"')
LABEL_LITERAL = re.compile(r'"([a-z_]+)"\s*=>')
# What metrics-process and Prometheus itself provide.
WELL_KNOWN = re.compile(r"^(process_[a-z_]+|up|scrape_[a-z_]+)$")
LABELS_OF_PROMETHEUS = {"job", "instance", "le", "quantile", "alertname"}
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")

# What is left of an expression after its strings, selectors, ranges and groupings are gone.
WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "inf", "nan"}
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"\{([^}]*)\}")
DURATION = re.compile(r"\b\d+(?:ms|[smhdwy])\b")


def names_of(expression: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a PromQL expression names."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    labels = set()
    for group in GROUPING.findall(text):
        labels.update(WORD.findall(group))
    for selector in SELECTOR.findall(text):
        labels.update(re.findall(r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)", selector))
    text = GROUPING.sub(" ", text)
    text = SELECTOR.sub(" ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    text = DURATION.sub(" ", text)
    metrics = set()
    for match in WORD.finditer(text):
        word = match.group()
        # Aggregations may stand before their grouping, which is gone by now: `sum (…)`.
        is_function = text[match.end():].lstrip().startswith("(")
        if not is_function and word.lower() not in KEYWORDS:
            metrics.add(word)
    return metrics, labels


def panels_of(board: dict) -> list[dict]:
    panels = []
    for panel in board.get("panels", []):
        panels.append(panel)
        panels.extend(panel.get("panels", []))
    return panels


def expressions_of_dashboard(path: pathlib.Path, faults: list[str]) -> list[tuple[str, str]]:
    board = json.loads(path.read_text(encoding="utf-8"))
    found, ids = [], set()
    for panel in panels_of(board):
        title = f"{path.name}: {panel.get('title', '?')}"
        if panel["id"] in ids:
            faults.append(f"{title}: the id {panel['id']} is there twice")
        ids.add(panel["id"])
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            faults.append(f"{title}: no description")
        if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
            faults.append(f"{title}: no unit")
        if not panel.get("targets"):
            faults.append(f"{title}: nothing is asked for")
        for target in panel.get("targets", []):
            found.append((title, target["expr"]))
            found.extend((title, f"up{{{label}=\"\"}}") for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
    return found


def expressions_of_rules(path: pathlib.Path) -> list[tuple[str, str]]:
    """Every `expr:` with its alert. Enough of YAML for a file that we write ourselves: one line, or a folded block."""
    found, name, block, indent = [], "?", None, 0
    for line in path.read_text(encoding="utf-8").splitlines() + ["end"]:
        depth = len(line) - len(line.lstrip())
        if block is not None:
            if line.strip() and depth > indent:
                block.append(line.strip())
                continue
            found.append((f"{path.name}: {name}", " ".join(block)))
            block = None
        if match := re.match(r"\s*-?\s*(?:alert|record):\s*(\S+)", line):
            name = match.group(1)
        elif match := re.match(r"(\s*)expr:\s*(.*)", line):
            indent, rest = len(match.group(1)), match.group(2).strip()
            block = [] if rest in {">-", ">", "|", "|-"} else [rest]
    return found


def names_in_sources() -> tuple[set[str], set[str]]:
    metrics, labels = set(), set()
    for path in ROOT.rglob("*.rs"):
        if SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts):
            continue
        text = path.read_text(encoding="utf-8")
        metrics.update(METRIC_LITERAL.findall(text))
        labels.update(LABEL_LITERAL.findall(text))
    return metrics, labels


def exists(metric: str, known: set[str]) -> bool:
    if metric in known or WELL_KNOWN.match(metric):
        return True
    return any(metric.endswith(part) and metric.removesuffix(part) in known for part in HISTOGRAM_PARTS)


def run_promtool(faults: list[str]) -> str:
    if not shutil.which("promtool"):
        return "promtool is not installed: its checks were left out"
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=HERE / "prometheus", capture_output=True, text=True)
        if done.returncode != 0:
            faults.append(f"promtool {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return "promtool's checks and the tests of the rules ran"


def main() -> int:
    faults: list[str] = []
    expressions = expressions_of_rules(HERE / "prometheus" / "rules.yml")
    dashboards = sorted((HERE / "dashboards").glob("*.json"))
    uids = [json.loads(path.read_text(encoding="utf-8"))["uid"] for path in dashboards]
    if len(set(uids)) != len(uids):
        faults.append("two dashboards have the same uid")
    for path in dashboards:
        expressions += expressions_of_dashboard(path, faults)
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    rules = {where.split(": ")[1] for where, _ in expressions_of_rules(HERE / "prometheus" / "rules.yml")}
    told = set(re.findall(r"^## (\w+)$", runbook, re.MULTILINE))
    faults += [f"docs/runbook.md: no section for {name}" for name in sorted(rules - told)]
    faults += [f"docs/runbook.md: no rule is called {name}" for name in sorted(told - rules)]
    known_metrics, known_labels = names_in_sources()
    known_labels |= LABELS_OF_PROMETHEUS
    named: set[str] = set()
    for where, expression in expressions:
        metrics, labels = names_of(expression)
        named |= metrics
        faults += [f"{where}: no metric is called {name}" for name in sorted(metrics) if not exists(name, known_metrics)]
        faults += [f"{where}: no metric has the label {name}" for name in sorted(labels - known_labels)]
    if not dashboards or not expressions or not known_metrics:
        faults.append("nothing was found to check")
    print(run_promtool(faults))
    for fault in faults:
        print(fault)
    print(f"{len(expressions)} expressions, {len(named)} metrics named, {len(known_metrics)} in the sources, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
