"""The laws of the house that a machine can see: who may name which crate, and how large a file may grow."""

import pathlib
import re
import subprocess
import sys

ROOMS = {
    "domain": {"tokio", "sqlx", "axum", "burn", "ractor", "nightshift_kernel", "nightshift_store", "nightshift_models", "nightshift_actors"},
    "kernel": {"sqlx", "axum", "burn", "nightshift_domain", "nightshift_store", "nightshift_models", "nightshift_actors"},
    "store": {"axum", "burn", "ractor", "nightshift_kernel", "nightshift_models", "nightshift_actors"},
    "models": {"tokio", "sqlx", "axum", "ractor", "nightshift_kernel", "nightshift_store", "nightshift_actors"},
    "actors": {"axum", "sqlx", "burn"},
    "src": {"sqlx", "burn", "ractor"},
}
FILE_LINES_MAX = 500
SQL = re.compile(r'"\s*(SELECT\s|INSERT INTO\s|UPDATE\s\w+\sSET\s|DELETE FROM\s)')
# A closed list: each entry says why the rule does not fit there.
FORBIDDEN_ANYWHERE = {
    r"\bunbounded_channel\b": "no queue without a limit",
    r"\bthread::sleep\b": "wait for what must happen, not for time to pass",
    r"#\[ignore": "a test that does not run is no test",
    r"\b(todo|unimplemented)!\(": "nothing is left for later",
}


def code_lines(text: str) -> list[str]:
    """The lines before the tests at a file's end, comments emptied."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#[cfg(test)]"):
            break
        lines.append("" if line.lstrip().startswith("//") else line)
    return lines


def faults(path: pathlib.Path) -> list[str]:
    room = path.parts[0]
    text = path.read_text(encoding="utf-8")
    code = code_lines(text)
    found = []
    in_tests = "tests" in path.parts or path.stem.endswith("_tests") or room in {"tests", "benches"}
    if not in_tests and "examples" not in path.parts:
        if len(code) > FILE_LINES_MAX:
            found.append(f"{path}: {len(code)} lines, at most {FILE_LINES_MAX}")
        for number, line in enumerate(code, 1):
            for crate in ROOMS.get(room, ()):
                if re.search(rf"\b{crate}::", line):
                    found.append(f"{path}:{number}: {room}/ must not name {crate}")
            if room not in {"store"} and SQL.search(line):
                found.append(f"{path}:{number}: SQL belongs to store/")
            if re.search(r"\.unwrap\(\)", line):
                found.append(f"{path}:{number}: unwrap outside tests")
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("//"):
            continue
        for pattern, why in FORBIDDEN_ANYWHERE.items():
            if re.search(pattern, line):
                found.append(f"{path}:{number}: {why}")
    return found


def main() -> int:
    files = subprocess.run(["git", "ls-files", "*.rs"], capture_output=True, text=True, check=True).stdout.split()
    found = [fault for file in files for fault in faults(pathlib.Path(file))]
    for fault in found:
        print(fault)
    print(f"{len(files)} files looked at, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
