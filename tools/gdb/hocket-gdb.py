"""hocket-gdb.py - the tasks of a program that uses libhocket, in gdb

    (gdb) source /usr/share/hocket/hocket-gdb.py
    (gdb) hocket tasks             every task, in its groups and scopes, and what it waits for
    (gdb) hocket bt NAME           the calls of the tasks of that name, or of the task at that address (0x7f...)
    (gdb) hocket bt all            of all of them

Works on a running process and on a core file: nothing is called and no register is set. A parked task is a stack pointer;
its registers lie where context_switch (switch.c) has put them. An unwinder tells gdb that the innermost frame of the selected
thread was "called" from there, and gdb's own backtrace does the rest. Needs debug information of the program.
"""
import gdb
import gdb.unwinder

WORD = 8
# What context_switch leaves at the stack pointer: name -> offset, and how much it takes off the stack.
LAYOUTS = {
    "i386:x86-64": ({"r15": 0, "r14": 8, "r13": 16, "r12": 24, "rbx": 32, "rbp": 40, "rip": 48}, "rsp", "rip", 56),
    "aarch64": ({**{f"x{19 + i}": i * WORD for i in range(12)}, "pc": 11 * WORD}, "sp", "pc", 160),
}
STATES = ["is ready to run", "runs", "waits for", "has ended"]


def pointer(name):
    return gdb.lookup_type(name).pointer()


def word(address):
    return gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference()


def text(value):
    return value.string(errors="replace") if int(value) else "?"


# ---- the tree ----

def loops():
    try:
        table = gdb.parse_and_eval("quit_loops")
    except gdb.error:
        raise gdb.GdbError("no debug information of libhocket here: is it the right program, built with -g?")
    low, high = table.type.range()
    found = [table[i].cast(pointer("struct hk_loop")) for i in range(low, high + 1)]
    return [loop for loop in found if int(loop)]


def fibers(scope):
    first = at = scope["fibers_"]
    while int(at):
        yield at
        at = at["scope_next"]
        if at == first:
            return


def scopes(loop):
    """Every open scope with its depth, parents first."""
    root = at = loop["root"].address
    depth = 0
    while True:
        yield at, depth
        if int(at["child_"]):
            at, depth = at["child_"], depth + 1
            continue
        while at != root and not int(at["next_"]):
            at, depth = at["parent_"], depth - 1
        if at == root:
            return
        at = at["next_"]


def tasks():
    for loop in loops():
        for scope, _ in scopes(loop):
            for fiber in fibers(scope):
                yield loop, fiber


def group_of(scope):
    return scope.cast(pointer("struct hk_group"))  # its first member


def describe_scope(scope):
    if bool(scope["group_"]):
        group = group_of(scope)
        opener = group["opener_"]  # a pool's group has none
        whose = f' of task "{text(opener["name"])}"' if int(opener) else ""
        what = f'group "{text(group["name_"])}"{whose}: {int(group["running_"])} running'
    else:
        what = "shield" if bool(scope["shield_"]) else "scope"
    return what + (", cancelled" if bool(scope["cancelled_"]) or bool(scope["inherited_"]) else "")


def is_new(fiber):
    """Never ran: it will begin in context_begin_."""
    layout, _, pc, _ = LAYOUTS[arch()]
    block = gdb.lookup_minimal_symbol("context_begin_") if hasattr(gdb, "lookup_minimal_symbol") else None
    begin = int(block.value().address) if block else int(gdb.parse_and_eval("(unsigned long)&context_begin_"))
    return int(word(int(fiber["sp"]) + layout[pc])) == begin


def describe_state(loop, fiber):
    state = int(fiber["state"])
    if state == 1 or loop["current"] == fiber:
        return "runs: see the backtrace of its thread"
    if state == 2:
        since = (int(loop["now_ns"]) - int(fiber["park"]["since_ns"])) / 1e9
        return f'waits for {text(fiber["park"]["why"])}, for {max(since, 0):.3f} s'
    return "has not started yet" if is_new(fiber) else STATES[state]


def describe_task(loop, fiber):
    return f'task "{text(fiber["name"])}" ({int(fiber):#x}), spawned at {text(fiber["where"])}: {describe_state(loop, fiber)}'


# ---- calls ----

def arch():
    name = gdb.selected_inferior().architecture().name()
    if name not in LAYOUTS:
        raise gdb.GdbError(f"hocket does not know the stacks of {name}")
    return name


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedCaller(gdb.unwinder.Unwinder):
    """While armed with a stack pointer, the innermost frame has the context parked there as its caller."""

    def __init__(self):
        super().__init__("hocket parked task")
        self.innermost = self.parked = None

    def arm(self, parked):
        _, sp, _, _ = LAYOUTS[arch()]
        self.innermost = int(gdb.newest_frame().read_register(sp))
        self.parked = parked
        gdb.invalidate_cached_frames()

    def disarm(self):
        self.innermost = self.parked = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.parked is None:
            return None
        layout, sp, pc, size = LAYOUTS[arch()]
        if int(pending.read_register(sp)) != self.innermost:
            return None
        ulong = gdb.lookup_type("unsigned long")
        # Its own place is just below the parked frames: gdb believes only in stacks that grow one way.
        info = pending.create_unwind_info(FrameId(gdb.Value(self.parked).cast(ulong), word(self.parked + layout[pc])))
        for register, offset in layout.items():
            info.add_saved_register(register, word(self.parked + offset))
        info.add_saved_register(sp, gdb.Value(self.parked + size).cast(ulong))
        return info


UNWINDER = ParkedCaller()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def renumbered(lines):
    """Without frame #0, which is the selected thread's, and counted from 0."""
    shown = False
    for line in lines:
        if line.startswith("#"):
            number, rest = line[1:].split(None, 1)
            shown = int(number) > 0
            if shown:
                yield f"#{int(number) - 1:<3d}{rest}"
        elif shown:
            yield line


def calls(fiber):
    UNWINDER.arm(int(fiber["sp"]))
    try:
        return list(renumbered(gdb.execute("backtrace", to_string=True).splitlines()))
    finally:
        UNWINDER.disarm()


# ---- commands ----

class Hocket(gdb.Command):
    """Tasks of libhocket: hocket tasks, hocket bt NAME|ADDRESS|all."""

    def __init__(self):
        super().__init__("hocket", gdb.COMMAND_STACK, prefix=True)


class HocketTasks(gdb.Command):
    """hocket tasks: every task, in its groups and scopes, and what it waits for."""

    def __init__(self):
        super().__init__("hocket tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = loops()
        if not found:
            print("no loop runs")
        for loop in found:
            print(f'loop {int(loop):#x}: {int(loop["stats"]["fibers"])} tasks')
            for scope, depth in scopes(loop):
                if depth > 0:
                    print("  " * depth + describe_scope(scope))
                for fiber in fibers(scope):
                    print("  " * (depth + 1) + describe_task(loop, fiber))


class HocketBacktrace(gdb.Command):
    """hocket bt NAME|ADDRESS|all: the calls of parked tasks."""

    def __init__(self):
        super().__init__("hocket bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = argument.strip() or "all"
        shown = 0
        for loop, fiber in list(tasks()):
            if wanted not in ("all", text(fiber["name"]), f"{int(fiber):#x}"):
                continue
            shown += 1
            print(describe_task(loop, fiber))
            if loop["current"] != fiber and not is_new(fiber):
                print("\n".join(f"  {line}" for line in calls(fiber)))
        if shown == 0:
            raise gdb.GdbError(f"no task is called '{wanted}': hocket tasks lists them")


Hocket()
HocketTasks()
HocketBacktrace()
