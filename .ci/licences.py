"""Every dependency that is linked must have a licence that may be shipped, come from crates.io, and not be banned."""

import json
import subprocess
import sys

ALLOWED = {
    "MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "CC0-1.0",
    "Unicode-3.0", "Unicode-DFS-2016", "MPL-2.0", "BSL-1.0", "CDLA-Permissive-2.0", "OpenSSL", "MIT-0", "Unlicense", "bzip2-1.0.6",
}
# Crate: why it must not come in.
BANNED = {
    "openssl-sys": "one TLS stack: rustls",
    "native-tls": "one TLS stack: rustls",
    "ring": "one crypto stack: aws-lc-rs",
}


def allowed(expression: str) -> bool:
    """Whether some alternative of an SPDX expression is allowed in all its parts."""
    text = expression.replace("/", " OR ")
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()

    def parse_or(position):
        ok, position = parse_and(position)
        while position < len(tokens) and tokens[position] == "OR":
            other, position = parse_and(position + 1)
            ok = ok or other
        return ok, position

    def parse_and(position):
        ok, position = parse_one(position)
        while position < len(tokens) and tokens[position] == "AND":
            other, position = parse_one(position + 1)
            ok = ok and other
        return ok, position

    def parse_one(position):
        if tokens[position] == "(":
            ok, position = parse_or(position + 1)
            return ok, position + 1
        name = tokens[position]
        position += 1
        if position < len(tokens) and tokens[position] == "WITH":
            name = f"{name} WITH {tokens[position + 1]}"
            position += 2
        return name in ALLOWED, position

    return parse_or(0)[0]


def linked_packages() -> set[str]:
    command = ["cargo", "tree", "--workspace", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--locked"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {" ".join(line.split()[:2]) for line in lines if line.strip()}


def main() -> int:
    metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], capture_output=True, check=True).stdout)
    linked, faults, seen = linked_packages(), [], 0
    for package in metadata["packages"]:
        name = f"{package['name']} v{package['version']}"
        if name not in linked:
            continue
        seen += 1
        licence = package.get("license")
        if not licence and not package.get("license_file"):
            faults.append(f"{name}: no licence")
        elif licence and not allowed(licence):
            faults.append(f"{name}: {licence}")
        if package["source"] and "crates.io" not in package["source"]:
            faults.append(f"{name}: from {package['source']}")
        if package["name"] in BANNED:
            faults.append(f"{name}: {BANNED[package['name']]}")
    features = subprocess.run(["cargo", "tree", "-e", "features", "-i", "ractor", "--locked"], capture_output=True, text=True, check=True).stdout
    if "message_span_propogation" in features:
        faults.append("ractor: the feature message_span_propogation aborts the process in long runs")
    for fault in faults:
        print(fault)
    print(f"{seen} linked crates looked at, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
