"""The kinds of values settings take, and what makes one valid."""

from __future__ import annotations

import re
from contextlib import suppress
from math import isfinite
from string import Formatter
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, StringConstraints

from elconsole.core.quoting import check_condition

_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}
_UNITS |= {"h": 3600, "hour": 3600, "d": 86400, "day": 86400, "w": 604800, "week": 604800}
_DURATION_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def duration_seconds(text: str) -> float:
    """Seconds of a duration like `90s`, `5m`, `1h 30m` or `1 day`; ValueError otherwise."""
    position, total = 0, 0.0
    lowered = text.lower()
    while position < len(lowered):
        part = _DURATION_PART.match(lowered, position)
        unit = part and (_UNITS.get(part[2]) or _UNITS.get(part[2].removesuffix("s")))
        if not part or not unit:
            raise ValueError("must be a duration such as 90s, 5m, 1h 30m or 1 day")
        total += float(part[1]) * unit
        position = part.end()
    if not 0 < total < 10**9:
        raise ValueError("must be a duration longer than nothing and shorter than 30 years")
    return total


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _number(value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError("must be a finite number")
    return _not_bool(value)


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _number_or_text(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else value


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    return value


def _duration(value: str) -> str:
    duration_seconds(value)
    return value


def _off_or_duration(value: object) -> object:
    if value is False or (isinstance(value, str) and value.strip().lower() == "off"):
        return "off"
    if isinstance(value, str):
        try:
            return _duration(value)
        except ValueError as error:
            raise ValueError(f'{error}, or "off"') from None
    raise ValueError('must be "off" or a duration such as 5m')


def _off_or_seconds(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}s" if value > 0 else value
    return _off_or_duration(value)


def age(value: object) -> object:
    """A duration, or a number of days, which may come as text; ValueError otherwise."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        value = f"{value} days"
    try:
        return _duration(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{error}, or a number of days") from None


def _target_name(value: str) -> str:
    size = len(value.encode())
    if size > NAME_BYTES:
        raise ValueError(f"is {size} bytes long: a name in PostgreSQL has at most {NAME_BYTES}")
    return value


def _target_format(value: str) -> str:
    rule = "its fields are {source}, {schema} and {table}; write {{ and }} for braces"
    try:
        parts = list(Formatter().parse(value))
    except ValueError:
        raise ValueError(f"has a brace that stands alone: {rule}") from None
    for _, field, style, conversion in parts:
        if field is not None and (field not in TARGET_FIELDS or style or conversion):
            # Which one is not said: it may have come from the environment.
            raise ValueError(f"has an unknown field: {rule}")
    return value


def _secret(value: SecretStr) -> SecretStr:
    _no_nul(value.get_secret_value())
    return value


def _host(value: str) -> str:
    if "://" in value:
        raise ValueError("must be a host's name: a connection string belongs into dsn")
    return value


def _web_address(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    has_place = False
    # What the parser says about it may quote the secret.
    with suppress(ValueError):
        parts = urlsplit(value.get_secret_value())
        has_place = bool(parts.hostname) and parts.port != 0
    if not has_place:
        raise ValueError("must be a web address: https://HOST/PATH")
    return value


TARGET_FIELDS = ("source", "schema", "table")
NAME_BYTES = 63
"""What PostgreSQL keeps of a name."""
Text = Annotated[str, StringConstraints(min_length=1), AfterValidator(_no_nul)]
Condition = Annotated[Text, AfterValidator(check_condition)]
Names = Annotated[tuple[Text, ...], BeforeValidator(_one_or_many)]
TargetName = Annotated[Text, AfterValidator(_target_name)]
TargetFormat = Annotated[Text, AfterValidator(_target_format)]
Host = Annotated[Text, AfterValidator(_host)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
SecretAddress = Annotated[Secret, AfterValidator(_web_address)]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Seconds = Annotated[float, BeforeValidator(_number), Field(gt=0, le=86400, allow_inf_nan=False)]
Fraction = Annotated[float, BeforeValidator(_number), Field(gt=0, allow_inf_nan=False)]
Duration = Annotated[Text, AfterValidator(_duration)]
Age = Annotated[Text, BeforeValidator(age)]
Interval = Annotated[str, BeforeValidator(_off_or_duration)]
TimeLimit = Annotated[str, BeforeValidator(_off_or_seconds)]
Lookback = Annotated[Text, BeforeValidator(_number_or_text)]
IncrementalStrategy = Literal["xmin", "cursor"]
Deletes = Literal["ignore", "sweep", "mark"]
NewPolicy = Literal["sync", "ignore", "fail"]
OnViewConflict = Literal["recreate", "fail"]
Colour = Literal["blue", "green", "amber", "red"]
