"""A pickle read as inert data: what it would build is described, and nothing of it is run.

A pickle is a programme for a stack machine. Python's own reader runs it: with care it calls nothing foreign, but still
it allocates what a hostile file asks for and hashes what it builds. So the standard library only takes the file apart
(`pickletools.genops`), and the few instructions that plain data needs are followed here, on inert values.
"""

import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """What a pickle would import: `module` and the `name` in it."""

    module: str
    name: str


@dataclass(slots=True, eq=False)
class Call:
    """What a pickle would call, with the state that it would give to the result; neither has happened."""

    function: Name
    arguments: tuple[Any, ...]
    state: object = None


def read_pickle(data: bytes, names: Collection[Name], max_steps: int) -> object:
    """What a pickle describes: None, numbers, text, bytes, lists, tuples, dicts with text as keys, `Name` and `Call`.

    Args:
        data: the file; protocols 0 to 5.
        names: the only ones that it may mention.
        max_steps: most instructions that are followed. Each adds at most one small value.

    Raises:
        ValueError: with the reason in plain words; nothing has been imported or called.
    """
    machine = _Machine(names)
    for step, (opcode, argument, _) in enumerate(_instructions(data)):
        if step == max_steps:
            raise ValueError(f"it has more than {max_steps:,} parts")
        if opcode.name == "STOP":
            return machine.result()
        machine.follow(opcode.name, argument)
    raise ValueError("it is cut short")


def _instructions(data: bytes) -> Any:
    try:
        yield from pickletools.genops(data)
    except (ValueError, DeprecationWarning) as error:  # the latter where warnings are errors: an odd escape in a text
        raise ValueError("it is not a pickle, or it is cut short") from error


_LONGEST_KEY = 100


class _Machine:
    """The pickle machine without its dangerous instructions."""

    def __init__(self, names: Collection[Name]) -> None:
        self._names = names
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []  # the stacks below the marks
        self._memo: dict[int, Any] = {}

    def follow(self, opcode: str, argument: Any) -> None:
        if opcode in _IGNORED:
            return
        if opcode in _VALUES:
            self._stack.append(argument)
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise ValueError(f"it is not a pickle of plain data: it has the instruction {opcode}")

    def result(self) -> object:
        if self._marks or len(self._stack) != 1:
            raise ValueError("it is damaged: it ends in the middle of something")
        return self._stack[0]

    def _pop(self) -> Any:
        if not self._stack:
            raise ValueError("it is damaged: something is missing in it")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise ValueError("it is damaged: something in it is not of the kind it must be")
        return self._stack[-1]

    def _pop_kind(self, kind: type) -> Any:
        self._top(kind)
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        if not self._marks:
            raise ValueError("it is damaged: something is missing in it")
        above, self._stack = self._stack, self._marks.pop()
        return above

    def _mark(self, _: object) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _push_tuple(self, size: int) -> None:
        if len(self._stack) < size:
            raise ValueError("it is damaged: something is missing in it")
        items = tuple(self._stack[-size:])
        self._stack[-size:] = [items]

    def _push_list_to_mark(self, _: object) -> None:
        above = self._pop_to_mark()
        self._stack.append(above)

    def _push_tuple_to_mark(self, _: object) -> None:
        above = self._pop_to_mark()
        self._stack.append(tuple(above))

    def _push_dict_to_mark(self, _: object) -> None:
        above = self._pop_to_mark()
        self._stack.append({})
        self._set(above)

    def _append(self, _: object) -> None:
        item = self._pop()
        self._top(list).append(item)

    def _append_to_mark(self, _: object) -> None:
        above = self._pop_to_mark()
        self._top(list).extend(above)

    def _set_one(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _set_to_mark(self, _: object) -> None:
        self._set(self._pop_to_mark())

    def _set(self, flat: list[Any]) -> None:
        keys = flat[::2]
        # To hash a tuple of tuples of tuples, or to compare long texts a million times, could take for ever.
        if len(flat) % 2 or not all(isinstance(key, str) and len(key) <= _LONGEST_KEY for key in keys):
            raise ValueError("it has a key that is not a short text")
        self._top(dict).update(zip(keys, flat[1::2], strict=True))

    def _put(self, index: int) -> None:
        self._memo[index] = self._top(object)

    def _memoize(self, _: object) -> None:
        self._put(len(self._memo))

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise ValueError("it is damaged: it refers to something that is not in it")
        self._stack.append(self._memo[index])

    def _push_name(self, argument: str) -> None:
        self._name(*argument.split(" ", 1))

    def _push_name_from_stack(self, _: object) -> None:
        name, module = self._pop_kind(str), self._pop_kind(str)
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        wanted = Name(module, name)
        if wanted not in self._names:
            raise ValueError(f"it wants to use {f'{module}.{name}'[:80]!a}, which plain data does not need")
        self._stack.append(wanted)

    def _call(self, _: object) -> None:
        arguments, function = self._pop_kind(tuple), self._pop_kind(Name)
        self._stack.append(Call(function, arguments))

    def _give_state(self, _: object) -> None:
        state = self._pop()
        call = self._top(Call)
        if call.state is not None:
            raise ValueError("it is damaged: it builds something twice")
        call.state = state


_IGNORED = frozenset({"PROTO", "FRAME"})

_VALUES = frozenset(
    {
        *("INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
"""Instructions that push the value which they carry."""

_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "NONE": lambda machine, _: machine._stack.append(None),
    "NEWTRUE": lambda machine, _: machine._stack.append(True),
    "NEWFALSE": lambda machine, _: machine._stack.append(False),
    "EMPTY_LIST": lambda machine, _: machine._stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine._stack.append({}),
    "EMPTY_TUPLE": lambda machine, _: machine._stack.append(()),
    "MARK": _Machine._mark,
    "LIST": _Machine._push_list_to_mark,
    "DICT": _Machine._push_dict_to_mark,
    "TUPLE": _Machine._push_tuple_to_mark,
    "TUPLE1": lambda machine, _: machine._push_tuple(1),
    "TUPLE2": lambda machine, _: machine._push_tuple(2),
    "TUPLE3": lambda machine, _: machine._push_tuple(3),
    "APPEND": _Machine._append,
    "APPENDS": _Machine._append_to_mark,
    "SETITEM": _Machine._set_one,
    "SETITEMS": _Machine._set_to_mark,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._memoize,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "GLOBAL": _Machine._push_name,
    "STACK_GLOBAL": _Machine._push_name_from_stack,
    "REDUCE": _Machine._call,
    "BUILD": _Machine._give_state,
}
