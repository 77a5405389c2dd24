"""The files that deploy the plant: whether they say what they must, and only name keys and things that exist.

usage: deploy/check.py [PROGRAM]   With the built program, each configuration is also given to its `check-config`.

Compose's own reading needs `docker-compose` (or `docker compose`), Terraform's files are read with python-hcl2; both are in
.ci/deploy-requirements.txt. Terraform's own `validate` needs its providers, which are not there where this runs.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TERRAFORM = ROOT / "deploy" / "terraform" / "aws"
KEY_NAME = re.compile(r"\bNIGHTSHIFT__[A-Z0-9_]+[A-Z0-9]\b")
# What looks like a secret, and may only come from a file.
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY|_URL)$")
# Services that end, and so have no health.
ENDING = {"minio-bucket"}
DUMMY = "check-config-0123456789-ABCDEF-0123456789"


def known_keys() -> set[str]:
    """Every key of the reference, as the environment names it."""
    section, keys = "", set()
    for line in (ROOT / "config" / "nightshift.toml").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\[+([a-z0-9_.]+)\]+", line):
            section = match.group(1) + "."
        elif match := re.match(r"#?([a-z][a-z0-9_]*) =", line):
            keys.add("NIGHTSHIFT__" + (section + match.group(1)).upper().replace(".", "__"))
    return keys


def files_with_keys() -> list[pathlib.Path]:
    found = [ROOT / "Dockerfile", ROOT / "docker-compose.yml"]
    found += [path for path in (ROOT / "deploy").rglob("*") if path.is_file() and "secrets" not in path.parts]
    return [path for path in found if path.suffix not in {".pyc", ".py"}]


def check_keys(faults: list[str]) -> int:
    keys, named = known_keys(), 0
    for path in files_with_keys():
        for name in KEY_NAME.findall(path.read_text(encoding="utf-8")):
            named += 1
            if name not in keys:
                faults.append(f"{path.relative_to(ROOT)}: no key is called {name}")
    return named


def compose_command() -> list[str] | None:
    beside = pathlib.Path(sys.executable).parent / "docker-compose"
    for command in ([str(beside)], ["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            if done.returncode == 0 and int(done.stdout.strip().lstrip("v").split(".")[0]) >= 2:
                return command
    return None


def prepared(folder: pathlib.Path, options: list[str]) -> None:
    """A copy of what Compose reads, with secrets and .env."""
    for name in ("docker-compose.yml", "Dockerfile"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "grafana", folder / "grafana")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([folder / "deploy" / "prepare", *options], check=True, capture_output=True)


def check_service(name: str, service: dict, faults: list[str]) -> None:
    fault = lambda text: faults.append(f"docker-compose.yml: {name}: {text}")
    if not service.get("read_only"):
        fault("its root is not read-only")
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        fault("it keeps capabilities")
    if "no-new-privileges:true" not in service.get("security_opt", []):
        fault("it may gain privileges")
    tag = service.get("image", "").rpartition(":")[2]
    if not re.search(r"\d", tag):
        fault("its image has no version")
    if name not in ENDING and not service.get("healthcheck"):
        fault("nothing looks at its health")
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1":
            fault("a port is published beyond loopback")
    for key, value in (service.get("environment") or {}).items():
        if value and SECRET_NAME.search(key):
            fault(f"{key} has its secret in the environment")


def check_compose(program: str | None, faults: list[str]) -> str:
    command = compose_command()
    if command is None:
        return "docker compose is not installed: its reading was left out"
    for options in ([], ["--redis"], ["--minio"], ["--redis", "--minio"]):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            prepared(folder, options)
            kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTSHIFT", "COMPOSE"))}
            done = subprocess.run([*command, "config", "--format", "json"], cwd=folder, env=kept, capture_output=True, text=True)
            if done.returncode != 0:
                faults.append(f"docker-compose.yml {options}: {done.stderr.strip()}")
                continue
            read = json.loads(done.stdout)
            wanted = {option.lstrip("-") for option in options}
            if {"redis", "minio"} & set(read["services"]) != wanted:
                faults.append(f"docker-compose.yml {options}: other services than asked for")
            for name, service in read["services"].items():
                check_service(name, service, faults)
            for secret in read["secrets"].values():
                if not pathlib.Path(secret["file"]).is_file():
                    faults.append(f"deploy/prepare does not make {secret['file']}")
            environment = read["services"]["nightshift"]["environment"]
            given = {k: v.replace("/run/secrets", str(folder / "deploy" / "secrets")) for k, v in environment.items() if v}
            check_config(program, f"docker-compose.yml {options}", given, faults)
    return "docker compose read its file with and without what is optional"


def check_config(program: str | None, where: str, environment: dict[str, str], faults: list[str]) -> None:
    if program is None:
        return
    done = subprocess.run([program, "check-config"], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        faults.append(f"{where}: {done.stderr.strip()}")


def settings_of(text: str, fill) -> dict[str, str]:
    lines = [line.split("=", 1) for line in text.splitlines() if line.startswith("NIGHTSHIFT__")]
    return {name: fill(name, value) for name, value in lines}


def check_railway(program: str | None, faults: list[str]) -> None:
    folder = ROOT / "deploy" / "railway"
    service = json.loads((folder / "railway.json").read_text(encoding="utf-8"))
    if not (ROOT / service["build"]["dockerfilePath"]).is_file():
        faults.append("railway.json: its Dockerfile is not there")

    def fill(name: str, value: str) -> str:
        if "DATABASE" in name:
            return "postgres://u:p@db/plant"
        if "ENDPOINT" in name:
            return "https://objects.example"
        return re.sub(r"\$\{\{.*?\}\}|<.*?>", "bucket" if "BUCKET" in name else DUMMY, value)

    text = (folder / "variables.env").read_text(encoding="utf-8")
    check_config(program, "variables.env", settings_of(text, fill), faults)


def check_terraform(program: str | None, faults: list[str]) -> str:
    template = (TERRAFORM / "start.sh.tftpl").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        secret = pathlib.Path(place) / "secret"

        def fill(name: str, value: str) -> str:
            secret.write_text("postgres://u:p@db/plant" if "DATABASE" in name else DUMMY, encoding="utf-8")
            words = {"${bucket}": "plant", "${region}": "eu-north-1", "${trusted_proxies}": "10.0.0.0/24,10.0.1.0/24"}
            for word, given in words.items():
                value = value.replace(word, given)
            return re.sub(r"^/run/secrets/(\w+)$", lambda match: str(pathlib.Path(place) / match.group(1)), value)

        settings = settings_of(template, fill)
        for name, value in settings.items():
            if name.endswith("_FILE"):
                pathlib.Path(value).write_text("postgres://u:p@db/plant" if "DATABASE" in name else DUMMY, encoding="utf-8")
        check_config(program, "start.sh.tftpl", settings, faults)
    try:
        import hcl2
    except ImportError:
        return "python-hcl2 is not installed: Terraform's files were not read"
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(TERRAFORM.glob("*.tf"))}
    declared, variables = set(), {}
    for name, text in texts.items():
        try:
            read = hcl2.loads(text)
        except Exception as error:  # whatever the parser raises, it could not read it
            faults.append(f"{name}: {error}")
            continue
        for kind, blocks in read.items():
            declare(kind, blocks, declared, variables)
    check_references(texts, declared, variables, template, faults)
    return f"Terraform's {len(texts)} files were read, with {len(declared)} things declared; `terraform validate` needs its providers"


def bare(name: str) -> str:
    return name.strip('"')


def declare(kind: str, blocks, declared: set[str], variables: dict) -> None:
    for block in blocks if isinstance(blocks, list) else []:
        for first, rest in block.items():
            if first.startswith("__"):
                continue
            if kind in {"resource", "data", "ephemeral"}:
                prefix = "" if kind == "resource" else f"{kind}."
                declared.update(f"{prefix}{bare(first)}.{bare(second)}" for second in rest if not second.startswith("__"))
            elif kind == "variable":
                declared.add(f"var.{bare(first)}")
                variables[bare(first)] = rest
            elif kind == "locals":
                declared.add(f"local.{bare(first)}")


def check_references(texts: dict, declared: set[str], variables: dict, template: str, faults: list[str]) -> None:
    # Inside strings only what is in ${…} is a reference.
    outside = lambda text: re.sub(r'"((?:[^"\\$]|\\.|\$(?!\{)|\$\{[^}]*\})*)"', lambda m: " ".join(re.findall(r"\$\{[^}]*\}", m.group(1))), text)
    used = set()
    for name, text in texts.items():
        code = outside(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))
        found = set(re.findall(r"(?<![\w.])((?:var|local)\.\w+|(?:data\.|ephemeral\.)?(?:aws|random)_\w+\.\w+)", code))
        used |= found
        faults += [f"{name}: nothing is called {reference}" for reference in sorted(found - declared)]
    faults += [f"variables.tf: {name} is used nowhere" for name in sorted(n for n in variables if f"var.{n}" not in used)]
    for name, body in variables.items():
        faults += [f"variables.tf: {name} has no {part}" for part in ("description", "type") if part not in body]
    wanted = set(re.findall(r"\$\{(\w+)\}", template))
    given = re.search(r"templatefile\([^{]*\{(.*?)\}\)", texts["compute.tf"], re.DOTALL)
    given = set(re.findall(r"^\s*(\w+)\s*=", given.group(1), re.MULTILINE)) if given else set()
    faults += [f"start.sh.tftpl: {name} is not given" for name in sorted(wanted - given)]
    faults += [f"compute.tf: {name} is given to start.sh.tftpl, which does not want it" for name in sorted(given - wanted)]


def check_dockerfile(faults: list[str]) -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last = text[text.rindex("\nFROM ") :]
    for word, why in (("\nUSER 10001", "it runs as root"), ("\nHEALTHCHECK ", "nothing looks at its health"), ("\nSTOPSIGNAL ", "no signal stops it")):
        if word not in last:
            faults.append(f"Dockerfile: {why}")
    if re.search(r"^FROM \S+(:latest)?(\s|$)", text, re.MULTILINE) and not all(":" in line.split()[1] for line in re.findall(r"^FROM .*$", text, re.MULTILINE)):
        faults.append("Dockerfile: a base has no version")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    faults += [f".dockerignore: {name} would be sent to the build" for name in (".env", "deploy", ".git") if name not in ignored]


def main() -> int:
    program = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None
    faults: list[str] = []
    named = check_keys(faults)
    print(check_compose(program, faults))
    print(check_terraform(program, faults))
    check_railway(program, faults)
    check_dockerfile(faults)
    for fault in faults:
        print(fault)
    print(f"{named} keys named, {len(faults)} faults")
    return 1 if faults or not named else 0


if __name__ == "__main__":
    sys.exit(main())
