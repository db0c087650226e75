"""Checks the types of a dashboard's fields against Grafana's schema.

The classes of the library are generated from that schema but do not validate their values.
"""

import enum
import types
import typing

from grafana_foundation_sdk import models


def mistakes(value: object, declared: object, path: str) -> list[str]:
    """Describes each value, at any depth, whose type differs from the declared one."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        each = [mistakes(value, one, path) for one in arguments]
        # The intended alternative is the one that matches furthest.
        return [] if [] in each else max(each, key=lambda found: found[0].index(": "))
    if origin is typing.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is not one of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        return [
            m for i, one in enumerate(value) for m in mistakes(one, arguments[0], f"{path}[{i}]")
        ]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not a map"]
        return [m for k, one in value.items() for m in mistakes(one, arguments[1], f"{path}.{k}")]
    return plain(value, declared, path)


def plain(value: object, declared: object, path: str) -> list[str]:
    """As `mistakes`, for a type without parts."""
    if declared in (object, typing.Any):
        return fields(value, path)
    if not isinstance(declared, type):
        return []
    accepted = (int, float) if declared is float else declared
    is_bool = isinstance(value, bool) and declared is not bool
    if is_bool or not isinstance(value, accepted):
        return [f"{path}: {value!r} is not of type {declared.__name__}"]
    return fields(value, path)


def fields(value: object, path: str) -> list[str]:
    """As `mistakes`, for the fields of an object of the library."""
    if isinstance(value, enum.Enum) or not type(value).__module__.startswith(models.__name__):
        return []
    declared = typing.get_type_hints(type(value))
    found = []
    for name, held in vars(value).items():
        found += mistakes(held, declared.get(name, object), f"{path}.{name}")
    return found
