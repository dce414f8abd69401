"""gdb commands for programs that use bide: look at flows that are parked.

    (gdb) source tools/gdb-bide.py
    (gdb) bide-context ADDRESS             backtrace of a parked context; ADDRESS is an expression for a
                                           struct bide__context * (or the struct itself)
    (gdb) bide-context ADDRESS COMMAND     runs any gdb command as if that flow were the one that stopped,
                                           for instance: bide-context ADDRESS bt full

    (gdb) bide-tasks                       the tree of tasks of the selected thread's loop, and what each waits for
    (gdb) bide-task NAME|ADDRESS [COMMAND] backtrace (or any command) in a parked task; NAME: the first of that name

The task commands need the library's debug information. Works on live processes and on core files: nothing is written, neither memory nor registers. Other scripts may call
parked_backtrace(stack_pointer).

How: while a command runs, an unwinder claims that the frame the thread really stopped in was called from the place in
the switch routine where a parked stack would continue. From there on the routine's own unwind tables do the work.
"""

import re

import gdb
import gdb.unwinder

# Architecture: names of program counter, stack pointer; where an ucontext_t keeps its registers.
ARCHITECTURES = {
    "i386:x86-64": ("rip", "rsp",
                    {"r12": 72, "r13": 80, "r14": 88, "r15": 96, "rbp": 120, "rbx": 128, "rsp": 160, "rip": 168}),
    "aarch64": ("pc", "sp", dict([("x%d" % n, 184 + 8 * n) for n in range(19, 31)] + [("sp", 432), ("pc", 440)])),
}


class FrameId:
    """What gdb tells frames apart by."""

    def __init__(self, stack_pointer, program_counter):
        self.sp = stack_pointer
        self.pc = program_counter


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Puts the frames of a parked flow below the newest frame of the selected thread, while armed."""

    def __init__(self):
        super().__init__("bide-parked")
        self.registers = None

    def arm(self, stack_pointer):
        frame = gdb.newest_frame()
        name = frame.architecture().name()
        if name not in ARCHITECTURES:
            raise gdb.GdbError("bide-context does not know the architecture %s" % name)
        self.pc_name, self.sp_name, saved = ARCHITECTURES[name]
        self.newest_pc = frame.pc()
        self.newest_sp = int(frame.read_register(self.sp_name)) & (2**64 - 1)
        word = gdb.lookup_type("unsigned long")
        try:
            parked = int(gdb.parse_and_eval("(unsigned long) &bide__switch_parked"))
            if name == "i386:x86-64":  # the place to continue at lies on the stack
                parked = int(gdb.Value(stack_pointer).cast(word.pointer()).dereference())
                stack_pointer += 8
            self.registers = {self.pc_name: parked, self.sp_name: stack_pointer}
        except gdb.error:  # built for ucontext: the stack pointer is the address of an ucontext_t
            self.registers = {}
            for register, offset in saved.items():
                place = gdb.Value(stack_pointer + offset).cast(word.pointer())
                self.registers[register] = int(place.dereference())
        gdb.invalidate_cached_frames()

    def disarm(self):
        self.registers = None
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.registers is None:
            return None
        mask = 2**64 - 1
        pc = int(pending.read_register(self.pc_name)) & mask
        sp = int(pending.read_register(self.sp_name)) & mask
        if pc != self.newest_pc or sp != self.newest_sp:
            return None
        # Placed just inside the parked stack: gdb wants callers to lie further out than what they call.
        information = pending.create_unwind_info(FrameId(gdb.Value(self.registers[self.sp_name]), gdb.Value(pc)))
        for register, value in self.registers.items():
            kind = pending.read_register(register).type
            information.add_saved_register(register, gdb.Value(value).cast(gdb.lookup_type("unsigned long")).cast(kind))
        return information


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def run_parked(stack_pointer, command):
    """Returns what `command` prints when the newest frame's caller is the flow parked at `stack_pointer`."""
    frame = gdb.selected_frame()
    level = 0
    while frame.newer() is not None:
        frame = frame.newer()
        level += 1
    UNWINDER.arm(stack_pointer)
    try:
        gdb.newest_frame().older().select()
        return gdb.execute(command, to_string=True)
    finally:
        UNWINDER.disarm()
        frame = gdb.newest_frame()
        for _ in range(level):
            frame = frame.older()
        frame.select()


def parked_backtrace(stack_pointer, command="bt"):
    """The backtrace of the flow parked at `stack_pointer`, without the frame that only serves as an anchor."""
    text = run_parked(stack_pointer, command)
    return re.sub(r"\A#0 .*?(?=^#1 )", "", text, count=1, flags=re.DOTALL | re.MULTILINE)


class BideContext(gdb.Command):
    """bide-context ADDRESS [COMMAND]: backtrace (or any command) in the flow of a parked struct bide__context."""

    def __init__(self):
        super().__init__("bide-context", gdb.COMMAND_STACK, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if not arguments:
            raise gdb.GdbError("usage: bide-context ADDRESS [COMMAND]")
        value = gdb.parse_and_eval(arguments[0])
        if value.type.strip_typedefs().code not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT):
            value = value.address
        # The stack pointer is the first field, so this also works without debug information of the library.
        word = gdb.lookup_type("unsigned long")
        stack_pointer = int(value.cast(word).cast(word.pointer()).dereference())
        command = " ".join(arguments[1:]) or "bt"
        gdb.write(parked_backtrace(stack_pointer, command))


SCOPE_GROUP = "BIDE__SCOPE_GROUP"


def current_loop():
    """The loop that runs in the selected thread."""
    try:
        loop = gdb.parse_and_eval("bide__loop")
    except gdb.error as error:
        raise gdb.GdbError("bide's loop is not visible here (%s): is the library built with -g?" % error)
    if int(loop) == 0:
        raise gdb.GdbError("no loop runs in this thread; select another one with `thread N`")
    return loop


def scopes_of(task):
    """The scopes of a task, outermost first."""
    scopes = []
    scope = task["scope"]
    while int(scope) != 0:
        scopes.append(scope)
        if scope == task["root"].address:
            break
        scope = scope["parent"]
    return reversed(scopes)


def children_of(task):
    """The tasks that a task owns, in the order of its groups."""
    group_kind = int(gdb.parse_and_eval(SCOPE_GROUP))
    group_type = gdb.lookup_type("struct bide_group").pointer()
    for scope in scopes_of(task):
        if int(scope["kind"]) != group_kind:
            continue
        child = scope.cast(group_type)["first"]
        while int(child) != 0:
            yield child
            child = child["next"]


def all_tasks():
    """(depth, task) for each living task of the selected thread's loop, parents first."""
    run = current_loop()["owner"].cast(gdb.lookup_type("struct bide__run").pointer())
    todo = [(0, run["main_task"])] if int(run["main_task"]) != 0 else []
    while todo:
        depth, task = todo.pop()
        yield depth, task
        todo.extend((depth + 1, child) for child in reversed(list(children_of(task))))


def state_of(loop, task):
    if int(loop["current"]) == int(task):
        return "runs"
    waiter = task["waiter"]
    if int(waiter) == 0:
        return "is ready"
    return "waits for %s" % (waiter["what"].string() if int(waiter["what"]) != 0 else "something")


class BideTasks(gdb.Command):
    """bide-tasks: the tree of tasks of the selected thread's loop, and what each waits for."""

    def __init__(self):
        super().__init__("bide-tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        loop = current_loop()
        for depth, task in all_tasks():
            gdb.write("%s%#x '%s' (%s:%d) %s\n" % ("    " * depth, int(task), task["name"].string(), task["file"].string(),
                                                 int(task["line"]), state_of(loop, task)))


class BideTask(gdb.Command):
    """bide-task NAME|ADDRESS [COMMAND]: backtrace (or any command) in a parked task."""

    def __init__(self):
        super().__init__("bide-task", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        arguments = gdb.string_to_argv(argument)
        if not arguments:
            raise gdb.GdbError("usage: bide-task NAME|ADDRESS [COMMAND]")
        wanted = arguments[0]
        for _, task in all_tasks():
            if wanted in (task["name"].string(), "%#x" % int(task)):
                break
        else:
            raise gdb.GdbError("no task is called, or lies at, '%s'; see bide-tasks" % wanted)
        if int(current_loop()["current"]) == int(task):
            gdb.write(gdb.execute(" ".join(arguments[1:]) or "bt", to_string=True))
            return
        stack_pointer = int(task["coroutine"]["context"]["stack_pointer"])
        gdb.write(parked_backtrace(stack_pointer, " ".join(arguments[1:]) or "bt"))


BideContext()
BideTasks()
BideTask()
