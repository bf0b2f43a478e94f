"""micro - the ways through JSON by themselves, as json.c prints them"""
from .kit import say, sh


def micro(kit):
    """{"json": the table as printed}"""
    say("bench: JSON")
    return {"json": sh(kit.layer_program("json.c"))}
