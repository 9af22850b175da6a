#!/usr/bin/env python3
"""Validates a SARIF 2.1.0 file: sarif_valid.py SCHEMA FILE

Exit codes: 0 valid; 1 not valid, each error on a line; 2 could not run.
Needs jsonschema, rfc3986-validator (addresses) and rfc3339-validator (times).
"""

import json
import sys

try:
    import jsonschema
    from jsonschema.validators import validator_for
except ImportError:
    print("sarif_valid: the package jsonschema is missing", file=sys.stderr)
    sys.exit(2)

# Without a checker jsonschema passes over a format silently.
FORMATS = {"uri", "uri-reference", "date-time"}
MAX_ERRORS = 50
MAX_CHARS = 240


def fail(message):
    print(f"sarif_valid: {message}", file=sys.stderr)
    sys.exit(2)


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"the key {double!r} stands twice in one object")
    return dict(pairs)


def with_errata(schema):
    """The two rules that Errata 01 of the standard tightened, for schemas that are older."""
    definitions = schema.get("definitions", {})
    begins = [{"required": [name]} for name in ("startLine", "charOffset", "byteOffset")]
    definitions["region"].setdefault("anyOf", begins)
    for name in ("run", "toolComponent"):
        definitions[name]["properties"]["language"]["pattern"] = "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$"
    return schema


def place(path):
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "(the whole file)"


def short(text):
    text = " ".join(text.split())
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS // 2] + " ... " + text[-MAX_CHARS // 2 :]


def lines(error):
    yield f"{place(error.absolute_path)}: {short(error.message)}"
    for cause in sorted(error.context or [], key=lambda cause: list(map(str, cause.absolute_path))):
        yield f"    {place(cause.absolute_path)}: {short(cause.message)}"


def read_schema(path):
    try:
        with open(path, encoding="utf-8-sig") as file:
            schema = json.load(file)
        validator = validator_for(schema)
        validator.check_schema(schema)
        if "2.1.0" not in schema["properties"]["version"]["enum"]:
            fail(f"{path} is no schema of SARIF 2.1.0")
        return validator, with_errata(schema)
    except (OSError, ValueError, KeyError, TypeError, jsonschema.SchemaError) as error:
        fail(f"{path} cannot be used as a schema: {short(str(error))}")


def read_log(path):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        fail(str(error))
    try:
        return json.loads(data.decode("utf-8"), parse_constant=no_constant, object_pairs_hook=no_duplicates)
    except ValueError as error:
        print(f"{path}: not JSON in UTF-8: {error}")
        sys.exit(1)


def main():
    if len(sys.argv) != 3:
        fail("usage: sarif_valid.py SCHEMA FILE")
    formats = jsonschema.FormatChecker()
    missing = sorted(FORMATS - set(formats.checkers))
    if missing:
        fail(f"nothing checks {', '.join(missing)}; install rfc3986-validator and rfc3339-validator")
    validator, schema = read_schema(sys.argv[1])
    log = read_log(sys.argv[2])
    found = validator(schema, format_checker=formats).iter_errors(log)
    errors = sorted(found, key=lambda error: [str(part).rjust(8) for part in error.absolute_path])
    for error in errors[:MAX_ERRORS]:
        for line in lines(error):
            print(f"{sys.argv[2]}: {line}")
    if len(errors) > MAX_ERRORS:
        print(f"{sys.argv[2]}: and {len(errors) - MAX_ERRORS} more")
    if errors:
        sys.exit(1)
    results = sum(len(run.get("results") or []) for run in log.get("runs") or [])
    print(f"{sys.argv[2]}: valid SARIF 2.1.0, {results} results")


if __name__ == "__main__":
    main()
