#!/usr/bin/env python3
"""Whether a description of the API keeps the promises of an older one: nothing is taken away, nothing changes its type, and
nothing new is asked for. Optional fields, routes and words of an enumeration may be added.

usage: .ci/contract.py NEW.json [OLD.json]     (OLD: docs/openapi.json, the description of the last release)
"""

import json
import pathlib
import sys

RELEASED = pathlib.Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What a client sends, and what it gets: a field that is asked for anew breaks the one, a field that is gone breaks the other.
SENT, GOT = "sent", "got"


class Comparison:
    """The differences of two documents that break a client, each as a line of text."""

    def __init__(self, old: dict, new: dict):
        self.old, self.new, self.broken = old, new, []
        # Pairs of named schemas that are being compared or were: types refer to themselves.
        self.seen: set[tuple[str, str, str]] = set()

    def run(self) -> list[str]:
        for path, item in self.old.get("paths", {}).items():
            now = self.new.get("paths", {}).get(path)
            if now is None:
                self.say(path, "the path is gone")
                continue
            for method in METHODS:
                if method not in item:
                    continue
                where = f"{method.upper()} {path}"
                if method not in now:
                    self.say(where, "the operation is gone")
                else:
                    self.operation(where, with_shared(item, method), with_shared(now, method))
        return self.broken

    def say(self, where: str, what: str) -> None:
        line = f"{where}: {what}"
        if line not in self.broken:
            self.broken.append(line)

    def operation(self, where: str, old: dict, new: dict) -> None:
        self.parameters(where, old, new)
        self.request(where, old.get("requestBody"), new.get("requestBody"))
        for status, answer in old.get("responses", {}).items():
            now = new.get("responses", {}).get(status)
            at = f"{where} {status}"
            if now is None:
                # Clients are written for what succeeds; of errors there may be fewer.
                if status.startswith("2"):
                    self.say(at, "the answer is gone")
                continue
            answer, now = self.resolved(self.old, answer), self.resolved(self.new, now)
            self.content(at, answer.get("content", {}), now.get("content", {}), GOT)

    def parameters(self, where: str, old: dict, new: dict) -> None:
        named = lambda document, operation: {
            (p["in"], p["name"]): p for p in (self.resolved(document, p) for p in operation.get("parameters", []))
        }
        before, after = named(self.old, old), named(self.new, new)
        for (place, name), parameter in before.items():
            at = f"{where} {place} `{name}`"
            now = after.get((place, name))
            if now is None:
                # The parts of a path have a place and no meaning in their names.
                if place != "path":
                    self.say(at, "the parameter is gone")
                continue
            if now.get("required") and not parameter.get("required"):
                self.say(at, "the parameter is required now")
            self.schema(at, parameter.get("schema", {}), now.get("schema", {}), SENT)
        for (place, name), parameter in after.items():
            if (place, name) not in before and parameter.get("required") and place != "path":
                self.say(f"{where} {place} `{name}`", "a new parameter is required")

    def request(self, where: str, old: dict | None, new: dict | None) -> None:
        at = f"{where} body"
        if old is None:
            if new is not None and self.resolved(self.new, new).get("required"):
                self.say(at, "a body is required now")
            return
        if new is None:
            self.say(at, "the body is gone")
            return
        old, new = self.resolved(self.old, old), self.resolved(self.new, new)
        if new.get("required") and not old.get("required"):
            self.say(at, "a body is required now")
        self.content(at, old.get("content", {}), new.get("content", {}), SENT)

    def content(self, where: str, old: dict, new: dict, way: str) -> None:
        for kind, media in old.items():
            if kind not in new:
                self.say(where, f"`{kind}` is gone")
            else:
                self.schema(where, media.get("schema", {}), new[kind].get("schema", {}), way)

    def schema(self, where: str, old: dict, new: dict, way: str) -> None:
        pair = (json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True), way)
        if "$ref" in old or "$ref" in new:
            if pair in self.seen:
                return
            self.seen.add(pair)
        old, new = self.flat(self.old, old), self.flat(self.new, new)
        if old is True or new is True or not old:
            return
        self.types(where, old, new, way)
        self.words(where, old, new)
        self.fields(where, old, new, way)
        self.choices(where, old, new, way)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                self.schema(f"{where}[]", old[part], new[part], way)

    def types(self, where: str, old: dict, new: dict, way: str) -> None:
        before, after = kinds(old), kinds(new)
        if before is None or after is None:
            # Without a type anything goes: wider is well for what is sent, and not for what clients read.
            if before is not None and way == GOT and not choices(new):
                self.say(where, f"the type was {words_of(before)} and is not said any more")
            if after is not None and way == SENT and not choices(old):
                self.say(where, f"the type was free and is {words_of(after)} now")
            return
        kept = before <= after if way == SENT else after <= before
        if not kept:
            self.say(where, f"the type was {words_of(before)} and is {words_of(after)} now")
        elif old.get("format") != new.get("format") and old.get("format") is not None:
            self.say(where, f"the format was `{old['format']}` and is `{new.get('format')}` now")

    def words(self, where: str, old: dict, new: dict) -> None:
        now = new.get("enum")
        if "enum" in old and now is not None:
            for word in old["enum"]:
                if word not in now:
                    self.say(where, f"the word {json.dumps(word)} is gone")
        if "const" in old and new.get("const") != old["const"] and old["const"] not in (now or []):
            self.say(where, f"the word {json.dumps(old['const'])} is gone")

    def fields(self, where: str, old: dict, new: dict, way: str) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
        for name, field in before.items():
            at = f"{where} `{name}`"
            if name not in after:
                self.say(at, "the field is gone")
                continue
            if way == SENT and name in needed_after - needed_before:
                self.say(at, "the field is required now")
            if way == GOT and name in needed_before - needed_after:
                self.say(at, "the field may be missing now")
            self.schema(at, field, after[name], way)
        if way == SENT:
            for name in sorted(needed_after - set(before) - needed_before):
                self.say(f"{where} `{name}`", "a new field is required")

    def choices(self, where: str, old: dict, new: dict, way: str) -> None:
        """Each alternative must still be one; which one it was is found by its name or its shape."""
        before, after = choices(old), choices(new)
        if not before:
            return
        left = list(after)
        for number, choice in enumerate(before):
            found = next((c for c in left if identity(c) == identity(choice)), None)
            if found is None and len(before) == len(after) and number < len(after) and after[number] in left:
                found = after[number]
            if found is None:
                self.say(where, f"the alternative {identity(choice)} is gone")
                continue
            left.remove(found)
            self.schema(where, choice, found, way)

    def resolved(self, document: dict, part: dict) -> dict:
        """The part itself, where it is given by reference."""
        for _ in range(20):
            if not isinstance(part, dict) or "$ref" not in part:
                return part
            found = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            rest = {key: value for key, value in part.items() if key != "$ref"}
            part = {**found, **rest} if rest else found
        raise ValueError("references that lead nowhere")

    def flat(self, document: dict, schema) -> dict:
        """References followed, `allOf` drawn together, and `null` among alternatives made a type of its own."""
        if isinstance(schema, bool):
            return schema
        schema = dict(self.resolved(document, schema))
        for part in schema.pop("allOf", []):
            part = self.flat(document, part)
            properties = {**schema.get("properties", {}), **part.get("properties", {})}
            required = [*schema.get("required", []), *part.get("required", [])]
            schema = {**part, **schema}
            if properties:
                schema["properties"] = properties
            if required:
                schema["required"] = sorted(set(required))
        for word in ("oneOf", "anyOf"):
            some = [choice for choice in schema.get(word, []) if choice.get("type") != "null"]
            if word in schema and len(some) == 1 and len(schema[word]) == 2:
                rest = {key: value for key, value in schema.items() if key != word}
                inner = self.flat(document, some[0])
                schema = {**inner, **rest}
                if kinds(inner) is not None:
                    schema["type"] = sorted(kinds(inner) | {"null"})
        return schema


def with_shared(item: dict, method: str) -> dict:
    """An operation with the parameters that its path shares."""
    operation = dict(item[method])
    if item.get("parameters"):
        operation["parameters"] = [*item["parameters"], *operation.get("parameters", [])]
    return operation


def kinds(schema: dict) -> set[str] | None:
    kind = schema.get("type")
    if kind is None:
        return None
    return {kind} if isinstance(kind, str) else set(kind)


def words_of(kinds: set[str]) -> str:
    return " or ".join(f"`{kind}`" for kind in sorted(kinds))


def choices(schema: dict) -> list[dict]:
    return [*schema.get("oneOf", []), *schema.get("anyOf", [])]


def identity(choice: dict) -> str:
    """What tells an alternative from the others."""
    for key in ("$ref", "title", "const"):
        if key in choice:
            return f"`{choice[key]}`"
    if "enum" in choice:
        return f"`{choice['enum'][0]}`"
    tags = [f["const"] for f in choice.get("properties", {}).values() if "const" in f]
    tags += [f["enum"][0] for f in choice.get("properties", {}).values() if len(f.get("enum", [])) == 1]
    if tags:
        return f"`{tags[0]}`"
    if "properties" in choice:
        return f"`{','.join(sorted(choice.get('required', choice['properties'])))}`"
    return f"`{choice.get('type')}`"


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    new = json.loads(pathlib.Path(arguments[0]).read_text(encoding="utf-8"))
    released = pathlib.Path(arguments[1]) if len(arguments) == 2 else RELEASED
    old = json.loads(released.read_text(encoding="utf-8"))
    broken = Comparison(old, new).run()
    for line in broken:
        print(line)
    count = sum(method in item for item in old.get("paths", {}).values() for method in METHODS)
    print(f"{count} operations compared with {released.name}, {len(broken)} promises broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
