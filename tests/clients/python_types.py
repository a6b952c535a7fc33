"""Generates Python types from schemas as a client's author would, compiles and imports them, and reads the examples.

    python python_types.py FOLDER < [{"eventType": …, "typeName": …, "schema": …}, …]

Each type must have the name that its message gives it (the generator has its own mind about capitals within words), take
the example, and not take one that lacks a required member.
"""
import importlib
import json
import pathlib
import py_compile
import subprocess
import sys

from pydantic import ValidationError

FOLDER = pathlib.Path(sys.argv[1])
SCHEMAS, PACKAGE = FOLDER / "schemas", FOLDER / "messages"
MESSAGES = json.load(sys.stdin)

SCHEMAS.mkdir()
for message in MESSAGES:
    (SCHEMAS / f"{message['eventType']}.json").write_text(json.dumps(message["schema"]))

subprocess.run(
    [sys.executable, "-m", "datamodel_code_generator", "--input", SCHEMAS, "--output", PACKAGE]
    + ["--input-file-type", "jsonschema", "--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin"],
    check=True,
)
for file in PACKAGE.glob("*.py"):
    py_compile.compile(str(file), doraise=True)

sys.path.insert(0, str(FOLDER))
for message in MESSAGES:
    module = "".join(character if character.isalnum() else "_" for character in message["eventType"])
    types = {name.lower(): value for name, value in vars(importlib.import_module(f"messages.{module}")).items()}
    model = types[message["typeName"].lower()]
    [example] = message["schema"]["examples"]
    model.model_validate(example)
    for name in message["schema"].get("required", []):
        try:
            model.model_validate({key: value for key, value in example.items() if key != name})
        except ValidationError:
            continue
        raise AssertionError(f"{message['typeName']} does without {name}")
