"""Failures that are none, since the document does not express why the server answers as it does.

Schemathesis expects that each request which fits its schema is accepted, that each which does not is
refused, and that each response fits its schema. Exactly the responses below are exceptions.
"""

import json
import os
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import JsonSchemaError, RejectedPositiveData

# Reasons to refuse a value that a schema cannot express: by the code of the error.
CODES = {
    "reference": "the key of something that does not exist, such as `company_id`",
    "conflict": "contradicts another value of the request, such as `confirm_new_password`",
    "cursor": "belongs to another query, or to none, since cursors are opaque",
    "duplicate": "names are compared without regard to case",
    "length": "counted once the text is trimmed and composed",
}

# The same for single fields and parameters: by name and code.
FIELDS = {
    ("expires_at", "range"): "must lie in the future",
    ("published_date", "range"): "must be a day of the calendar",
    ("published_from", "range"): "the same as `published_date`",
    ("published_to", "range"): "the same as `published_date`",
    ("username", "range"): "some names are reserved",
    ("password", "range"): "common passwords are refused",
    ("new_password", "range"): "common passwords are refused",
    ("isbn", "format"): "has a check digit",
    ("language", "format"): "the pattern allows more than the grammar of RFC 5646",
    ("include", "format"): "the options of a relation are given in words",
    ("some", "format"): "the form of a condition is given in words",
    ("none", "format"): "the same as `some`",
    ("only", "format"): "the same as `some`",
    ("author", "required"): "required unless there are contributors",
    ("count", "unknown"): "the pattern allows any name; the description lists the relations",
    ("include", "unknown"): "the same as `count`",
    ("some", "unknown"): "the fields that a condition may name are given in words",
    ("none", "unknown"): "the same as `some`",
    ("only", "unknown"): "the same as `some`",
}

# Fields with text of one line. New texts have rules beyond the pattern, which stored ones may break:
# about the direction of text, invisible characters and mixed scripts.
LINES = {
    "author",
    "first_name",
    "last_name",
    "name",
    "publisher",
    "tag",
    "tags",
    "title",
    "username",
}
FIELDS |= {(line, "format"): "a rule of new texts" for line in LINES}

# The same for whole requests: by the type of the problem.
PROBLEMS = {
    "/problems/idempotency-key-reused": "the key was sent with another request; short ones repeat",
    "/problems/malformed-request": "`If-Match: 0` is sent, although its pattern does not allow it",
}

# The password of the account that sends the requests.
PASSWORD = os.environ["RECTO_PASSWORD"]

# The field with the password, of the operations that delete the account or change its password.
CONFIRMED = {
    "DELETE /api/v1/auth/me": "password",
    "PUT /api/v1/auth/password": "current_password",
}

# Parameters that are accepted although they break their schema.
LENIENT = {
    "author": "an empty one is no filter",
}


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Keeps the account that sends the requests: a demo's has the password of the examples."""
    field = CONFIRMED.get(case.operation.label)
    if field and isinstance(case.body, dict) and case.body.get(field) == PASSWORD:
        case.body = {**case.body, field: "not the password"}


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case,
    response: Response,
) -> bool:
    """Returns whether it is a failure."""
    if isinstance(failure, RejectedPositiveData):
        return not may_refuse(json.loads(response.content))
    if isinstance(failure, JsonSchemaError):
        return not is_left_out(failure, case)
    if isinstance(failure, AcceptedNegativeData):
        is_lenient = any(case.query.get(name) == "" for name in LENIENT)
        return not (is_lenient or is_padded(case.query) or is_padded(case.body))
    return True


def is_padded(value: Any) -> bool:
    """Whether a text has whitespace around it, which is removed before its characters are counted."""
    if isinstance(value, str):
        return value != value.strip()
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and any(is_padded(one) for one in value)


def may_refuse(problem: dict[str, Any]) -> bool:
    errors = problem.get("errors")
    if not errors:
        return problem["type"] in PROBLEMS
    return all(error["code"] in CODES or (name(error), error["code"]) in FIELDS for error in errors)


def name(error: dict[str, str]) -> str:
    """The parameter or the field; that with the list for an item of a list of texts."""
    names = [part for part in error.get("pointer", "").split("/") if not part.isdigit()]
    return error.get("parameter") or names[-1]


def is_left_out(failure: JsonSchemaError, case: schemathesis.Case) -> bool:
    """Whether a field is missing that `fields` did not ask for.

    Schemas describe whole items, so that clients need not expect that any field may be missing.
    """
    return "fields" in case.query and list(failure.schema_path)[-1] in {"required", "anyOf", "oneOf"}
