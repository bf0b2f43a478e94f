"""micro - the parts by themselves: the runtime's primitives and the ways through JSON, as their own programs print them"""
import json

from .kit import Missing, sh, say


def micro(kit):
    """{"runtime": {row: {value, goal, unit}}, "json": the table as printed}"""
    got = {}
    say("bench: the runtime's primitives, then JSON")
    for name, source, arguments in (("runtime", "rt.c", ["--json"]), ("json", "json.c", [])):
        try:
            text = sh(kit.layer_program(source), *arguments)
            got[name] = json.loads(text) if name == "runtime" else text
        except Missing as error:
            kit.miss(f"bench/{source}", error)
    return got
