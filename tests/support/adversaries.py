"""Documents and variables that were made to take long; each is as large as its size in tokens, or so."""

from collections.abc import Callable, Mapping

Request = tuple[str, str]
"""A document, and its variables as JSON text."""


def _repeated(part: str, times: int, between: str = " ") -> str:
    """`part` so many times, `#` in it being the number."""
    return between.join(part.replace("#", str(number)) for number in range(times))


def _chain(part: str, last: str, levels: int, kind: str) -> str:
    """Fragments F0, F1, ...: `part` with `#` for the next one in each, `last` in the last one."""
    parts = [part.replace("#", f"F{level + 1}") for level in range(levels)]
    return " ".join(
        f"fragment F{level} on {kind} {{ {selections} }}" for level, selections in enumerate([*parts, last])
    )


def _nested(opening: str, middle: str, closing: str, depth: int) -> str:
    return opening * depth + middle + closing * depth


def _complete_graph(size: int) -> str:
    names = [f"F{number}" for number in range(int(size**0.5))]
    spreads = " ".join(f"...{name}" for name in names)
    return "{ ...F0 } " + " ".join(f"fragment {name} on Query {{ {spreads} }}" for name in names)


DOCUMENTS: Mapping[str, Callable[[int], str]] = {
    "aliases": lambda size: f"{{ {_repeated('a#: __typename', size // 3)} }}",
    "a field again and again": lambda size: f"{{ me {{ {_repeated('id', size)} }} }}",
    "a row again and again": lambda size: f"{{ {_repeated('me { id }', size // 4)} }}",
    "a page again and again": lambda size: (
        f"{{ {_repeated('tasks(first: 1, where: {name: {eq: 1}}) { totalCount }', size // 20)} }}"
    ),
    "fields in conflict": lambda size: (
        f"{{ {_repeated('a: me { id } a: users { totalCount }', size // 12)} }}"
    ),
    "unknown fields": lambda size: f"{{ {_repeated('x#', size)} }}",
    "long unknown types": lambda size: (
        f"{{ {_repeated('... on ' + 'CollaborationParticipant' * 2 + '# { id }', size // 6)} }}"
    ),
    "unknown enum values": lambda size: (
        f"{{ {_repeated('tasks(orderBy: [{name: DES#}]) {x}', size // 16)} }}"
    ),
    "fields over many lines": lambda size: f"{{ {_repeated('x#', size, chr(10) * 200)} }}",
    "wide lines": lambda size: f"{{ {_repeated('x#', size, ' ' * 150)} }}",
    "operations": lambda size: _repeated("query Q# { me { id } }", size // 9),
    "operations of the same fragment": lambda size: (
        _repeated("query Q# ($v: Int) { ...F }", size // 22)
        + " fragment F on Query { tasks(where: {priority: {in: ["
        + "$v " * (size // 4)
        + "]}}) { totalCount } }"
    ),
    "fragments": lambda size: (
        f"{{ {_repeated('...F#', size // 9)} }}" + _repeated("fragment F# on Query { me { id } }", size // 9)
    ),
    "fragments one in the other": lambda size: "{ ...F0 }" + _chain("...#", "__typename", size // 8, "Query"),
    "fragments in a ring": lambda size: "{ ...F0 }" + _chain("...#", "...F0", size // 8, "Query"),
    "fragments of all fragments": _complete_graph,
    "twofold fragments": lambda size: (
        "{ tasks(first: 0) { nodes { ...F0 } } }"
        + _chain("parent { ...# } parent { ...# }", "id", size // 17, "Task")
    ),
    "manifold fragments": lambda size: (
        "{ tasks(first: 0) { nodes { ...F0 } } }"
        + _chain(_repeated("parent { ...@ }", size // 95).replace("@", "#"), "id", 17, "Task")
    ),
    "pages of nothing in a tree": lambda size: (
        "{ tasks(first: 0) { nodes { ...F0 } } }"
        + _chain("subtasks(first: 0) { nodes { ...# } } blocks(first: 0) { nodes { ...# } }", "id", 8, "Task")
        + " " * size
    ),
    "relations in a tree": lambda size: (
        "{ tasks(first: 1) { nodes { ...F0 } } }"
        + _chain("parent { ...# } blocks(first: 1) { nodes { ...# } }", "id", 9, "Task")
        + " " * size
    ),
    "huge pages one in the other": lambda size: (
        "{ tasks(first: 500) { nodes { "
        + _nested("subtasks(first: 500) { nodes { ", "id", "} }", 9)
        + " } } }"
        + " " * size
    ),
    "directives": lambda size: f"{{ me {_repeated('@include(if: true)', size // 6)} {{ id }} }}",
    "unknown directives": lambda size: f"{{ me {_repeated('@x#', size // 2)} {{ id }} }}",
    "nested lists": lambda size: (
        f"{{ tasks(where: {_nested('[', '', ']', min(size, 190))}) {{ totalCount }} }}"
    ),
    "nested conditions": lambda size: (
        "{ tasks(where: "
        + _nested("{not: ", "{priority: {eq: 1}}", "}", min(size // 8, 180))
        + ") { totalCount } }"
    ),
    "many conditions": lambda size: (
        f"{{ tasks(where: {{or: [{_repeated('{priority: {eq: #}}', size // 10)}]}}) {{ totalCount }} }}"
    ),
    "nested selections": lambda size: _nested("{ me ", "", "}", size // 3),
    "brackets that never close": lambda size: "{ tasks(where: " + "[" * size,
    "empty selections": lambda size: f"{{ {_repeated('me { }', size // 3)} }}",
    "a huge text": lambda size: f'{{ tasks(search: "{"東" * size * 50}") {{ totalCount }} }}',
    "a huge text of escapes": lambda size: (
        '{ tasks(search: "' + "\\u6771" * (size * 30) + '") { totalCount } }'
    ),
    "a huge block text": lambda size: (
        f'{{ tasks(search: """{(" x" + chr(10)) * (size * 4)}""") {{ totalCount }} }}'
    ),
    "a huge comment": lambda size: "#" + "x" * size * 150 + "\n{ me { id } }",
    "a huge name": lambda size: "{ " + "x" * size * 150 + " }",
    "huge names": lambda size: f"{{ {_repeated('x' * 150 + '#', size)} }}",
    "a huge number": lambda size: f"{{ tasks(first: {'9' * size * 100}) {{ totalCount }} }}",
    "nothing but blanks": lambda size: " " * size * 200,
    "variables": lambda size: (
        f"query ({_repeated('$v#: Int', size // 8)})"
        f" {{ tasks(where: {{priority: {{in: [{_repeated('$v#', size // 8)}]}}}}) {{ totalCount }} }}"
    ),
}
"""By what is in them; a size of 5,000 is about as much as the limit on tokens allows, or a megabyte."""


def _where(value: str) -> Request:
    return "query ($v: TaskWhere) { tasks(where: $v) { totalCount } }", f'{{"v": {value}}}'


def _listed(value: str, times: int) -> str:
    return f"[{_repeated(value, times, ',')}]"


VARIABLES: Mapping[str, Callable[[int], Request]] = {
    "nested conditions in a variable": lambda size: _where(_nested('{"not":', "{}", "}", min(size, 1_000))),
    "conditions in lists in a variable": lambda size: _where(_nested('{"and":[', "{}", "]}", min(size, 500))),
    "nested relations in a variable": lambda size: _where(_nested('{"parent":', "{}", "}", min(size, 1_000))),
    "many conditions in a variable": lambda size: _where(
        '{"or": ' + _listed('{"priority": {"eq": 1}}', size * 8) + "}"
    ),
    "many values in a variable": lambda size: _where('{"priority": {"in": ' + _listed("#", size * 30) + "}}"),
    "many wrong values in a variable": lambda size: _where(
        '{"priority": {"in": ' + _listed('"x"', size * 30) + "}}"
    ),
    "many unknown fields in a variable": lambda size: _where(
        "{" + _repeated('"x#": 1', size * 15, ",") + "}"
    ),
    "nested JSON in a variable": lambda size: _where(
        '{"inputData": {"contains": ' + _nested("[", "", "]", min(size, 1_000)) + "}}"
    ),
    "a long path in a variable": lambda size: _where(
        '{"inputData": {"path": {"at": ' + _listed('"x"', size * 30) + ', "eq": 1}}}'
    ),
    "a huge text in a variable": lambda size: _where('{"name": {"like": "' + "%a" * (size * 80) + '"}}'),
}
