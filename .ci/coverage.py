"""Share of each room's lines that a test reaches, from an lcov file; the tests' own lines are left out. `.ci/coverage` makes the file."""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"domain": 80, "kernel": 80, "store": 80, "actors": 80, "src": 0}
# Files that are there for tests alone.
FOR_TESTS = re.compile(r"(^|/)(tests?|testing|simulation|[a-z_]*_tests)(\.rs$|/)")
TESTS_BEGIN = re.compile(r"^#\[cfg\(test\)\]\s*\nmod \w+ \{", re.MULTILINE)


def first_test_line(path: Path) -> float:
    """Where a file's module of tests begins; it stands at the end."""
    text = path.read_text()
    begins = TESTS_BEGIN.search(text)
    return text.count("\n", 0, begins.start()) + 1 if begins else float("inf")


def main(lcov: str) -> int:
    reached: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    room, tests = None, float("inf")
    for line in Path(lcov).read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "SF":
            path = Path(value)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT)
            room = inside.parts[0] if inside and not FOR_TESTS.search(str(inside)) else None
            tests = first_test_line(path) if room in ROOMS else 0
        elif key == "DA" and room in ROOMS:
            number, times = (int(part) for part in value.split(",")[:2])
            if number < tests:
                reached[room][0] += times > 0
                reached[room][1] += 1
    short = 0
    for room, least in ROOMS.items():
        hit, lines = reached[room]
        share = 100 * hit / max(lines, 1)
        short += share < least
        print(f"{room:8} {share:5.1f} % of {lines} lines" + (f", at least {least}" if least else ""))
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
