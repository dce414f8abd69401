"""Small programs for tasks, run by asyncio, and what happened in them: the interleavings that bide must repeat.

    interleave.py --generate FIRST LAST    programs, one a line, made from these seeds
    interleave.py --record < PROGRAMS      program, tab, trace; those that cannot be compared are left out, and counted
    interleave.py --reasons < PROGRAMS     program, tab, trace, tab, why it cannot be compared

Needs CPython 3.13 or later. tests/semantics/interleavings.txt was recorded with 3.14 from generated programs;
support_interleave.c runs the same programs with bide, test_interleavings.c compares.

A program is a line of scripts with "|" between them; the first is main's. An operation is a letter with its arguments,
digits that name an object (modulo how many there are): a script, a handle of a task in the order they were made.

    z sN            sleep(0), sleep(N)                           lI{} cI{} mI{}  with lock, condition, semaphore I
    pI vI           acquire, release semaphore I (1: bounded)    eI EI xI        wait for, set, clear event I
    kI KI +I nIN    condition: wait, wait_for its counter > 0, count up, notify N
    bI BI RI        barrier: wait, abort, reset                  PIv gI QIv GI   queue: put, get, put_nowait, get_nowait
    dI jI hI HI     task_done, join, shutdown, shutdown(immediate)
    fI FIv XIv YI yI  future: wait, set result, error, cancel, add_done_callback
    tS iS           create a task of script S: of nobody, of the innermost group
    JI CI DI        join, cancel, done of handle I               @               cancel oneself
    AS..; SS..;     gather, gather with return_exceptions        uN,S            wait_for(script S, N)
    wMI..; aI..;    wait in mode M (all, first, first exception), as_completed
    TN{} O{}        timeout, task group                          ?{} !{}{} ~{}   catch errors, finally, swallow a cancellation
    *N{} ^v =v      repeat, raise, return                        :op %N,op -     call_soon, call_later, cancel the last timer

Each operation notes when it has ended: the task's letter, the operation, "=" and its outcome if it is not plain success:
C cancelled, T timed out, En an error, S shut down, B broken, N not now, I done already, P not allowed. "@n": time.

What bide does otherwise on purpose is done in its way here: a wait that has been fulfilled is not taken back by a
cancellation (R2), a task that was started always runs (R4), every call that may wait is a checkpoint, joining does not
own. What cannot be translated so is left out: see World.discard. What remains different, in some 4 of 1000 programs, and
is left out of the recording by hand: a cancelled group tells its children in the same turn as its owner, asyncio a turn
later; and a cancellation that comes within the turn between the end of a task and its notice.
"""
import asyncio
import collections
import gc
import os
import random
import sys
from asyncio import base_events, locks, tasks

UNIT = 1 / 64


class Discard(BaseException):
    pass


class Failure(Exception):
    def __init__(self, code):
        self.code = code


class Selector:
    """No descriptors: waiting makes the clock jump."""
    def __init__(self, loop):
        self.loop = loop

    def select(self, timeout):
        if timeout is None:
            self.loop.deadlock = True
            self.loop.stop()
            return []
        if timeout > 0:
            self.loop.now = round((self.loop.now + timeout) / UNIT) * UNIT
        return []


class Loop(base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.sequence = 0
        self.deadlock = False
        self._selector = Selector(self)
        self._clock_resolution = 1e-6

    def time(self):
        return self.now

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass

    def call_at(self, when, callback, *args, context=None):
        # equal deadlines first in first out, which a heap alone does not give
        self.sequence += 1
        return super().call_at(when + self.sequence * 1e-10, callback, *args, context=context)


class Task(tasks.Task):
    """Cancels as bide does where that differs on purpose: a wait that has been fulfilled is not taken back (R2), and a
    task that was started always runs (R4)."""
    def prepare(self, world):
        self.world = world
        self.started = self.early = self.late = self.reacquiring = self.indirect = self.owned = False
        self.cleanups = 0
        self.groups = []
        self.number = None
        self.letter = '?'

    def cancel(self, msg=None):
        if self.done():
            return False
        if self.cleanups:
            self.world.discard('cancelled again')
        if not self.world.direct:
            self.indirect = True
        for group in self.groups:
            if group._exiting and all(child.done() for child in group._tasks):
                self.world.discard('cancelled as its group ends')
        if not self.started:
            self.early = True
            return True
        waits_for = self._fut_waiter
        if self is not tasks.current_task(self.world.loop):
            if self.reacquiring or (waits_for is not None and waits_for.done() and not waits_for.cancelled()):
                if self._must_cancel:
                    return super().cancel(msg)
                self.late = True
                return True
        return super().cancel(msg)

    def settle(self):
        """Called when a wait has ended well: what came too late for it comes now."""
        if self.late:
            self.late = False
            super().cancel()


class Joined:
    """Waiting for a future without owning it: giving up leaves it alone."""
    _asyncio_future_blocking = False

    def __init__(self, future):
        self.future = future
        self.given_up = False

    def get_loop(self):
        return self.future.get_loop()

    def add_done_callback(self, callback, *, context=None):
        self.callback, self.context = callback, context
        self.future.add_done_callback(callback, context=context)

    def done(self):
        return self.given_up or self.future.done()

    def cancelled(self):
        return self.given_up or self.future.cancelled()

    def cancel(self, msg=None):
        if self.done():
            return False
        self.given_up = True
        self.future.remove_done_callback(self.callback)
        token = self.get_loop().create_future()
        token.cancel()
        self.get_loop().call_soon(self.callback, token, context=self.context)
        return True

    def __await__(self):
        if not self.future.done():
            self._asyncio_future_blocking = True
            yield self
        return self.future.result()


class Condition(locks.Condition):
    async def wait(self):
        if not self.locked():
            raise RuntimeError
        task = tasks.current_task()
        self.release()
        fut = self._get_loop().create_future()
        self._waiters.append(fut)
        cancelled = None
        try:
            await fut
        except asyncio.CancelledError as err:
            cancelled = err
        finally:
            self._waiters.remove(fut)
        task.reacquiring = True
        try:
            await self.acquire()
        finally:
            task.reacquiring = False
        if cancelled:
            if task.late:
                task.world.discard('cancelled twice')
            task.late = False
            raise cancelled
        return True


def watched(base):
    """A queue that notices when somebody takes what was meant for a task that has been woken (P11)."""
    class Watched(base):
        def watch(self, world):
            self.world = world
            self.woken_getters = self.woken_putters = 0

        def _wakeup_next(self, waiters):
            while waiters:
                waiter = waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    if waiters is self._getters:
                        self.woken_getters += 1
                    else:
                        self.woken_putters += 1
                    break

        def look(self, putting):
            if self.woken_getters and not putting or self.woken_putters:
                self.world.discard('barging')
            if putting and self.woken_getters and self.full():
                self.world.discard('barging')

        async def put(self, item):
            self.look(True)
            waited = False
            while self.full():
                if waited:
                    self.world.discard('barging')
                if self._is_shutdown:
                    raise asyncio.QueueShutDown
                putter = self._get_loop().create_future()
                self._putters.append(putter)
                try:
                    await putter
                except asyncio.CancelledError:
                    if putter in self._putters:
                        self._putters.remove(putter)
                    raise
                waited = True
                self.woken_putters -= 1
            base.put_nowait(self, item)

        async def get(self):
            self.look(False)
            waited = False
            while self.empty():
                if waited and not self._is_shutdown:
                    self.world.discard('barging')
                if self._is_shutdown and self.empty():
                    raise asyncio.QueueShutDown
                getter = self._get_loop().create_future()
                self._getters.append(getter)
                try:
                    await getter
                except asyncio.CancelledError:
                    if getter in self._getters:
                        self._getters.remove(getter)
                    raise
                waited = True
                self.woken_getters -= 1
            return base.get_nowait(self)

        def shutdown(self, immediate=False):
            if self.woken_getters or self.woken_putters:
                self.world.discard('barging')
            waiting = sum(not w.done() for w in self._getters), sum(not w.done() for w in self._putters)
            super().shutdown(immediate)
            if immediate or not self._queue:
                self.woken_getters += waiting[0]
            self.woken_putters += waiting[1]
    return Watched


class InOrder(dict):
    """A set that keeps the order, where asyncio cancels tasks in that of a set."""
    def add(self, item):
        self[item] = True

    def discard(self, item):
        self.pop(item, None)


class World:
    def __init__(self, text):
        self.scripts = text.split('|')
        self.trace = []
        self.discarded = None
        self.direct = False
        self.spawned = self.steps = 0
        self.handles = []  # of create_task and of groups; None when the group has ended
        self.last_time = 0
        self.locks = [asyncio.Lock() for _ in range(2)]
        self.semaphores = [asyncio.Semaphore(1), asyncio.BoundedSemaphore(2)]
        self.events = [asyncio.Event() for _ in range(2)]
        self.conditions = [Condition(self.locks[1]), Condition()]
        self.counters = [0, 0]
        self.barriers = [asyncio.Barrier(2), asyncio.Barrier(3)]
        self.queues = [watched(asyncio.Queue)(1), watched(asyncio.Queue)(2), watched(asyncio.LifoQueue)(2),
                       watched(asyncio.PriorityQueue)(2), watched(asyncio.Queue)()]
        for queue in self.queues:
            queue.watch(self)
        self.futures = [None, None, None]
        self.timer = None
        self.loop = None

    def discard(self, why):
        self.discarded = self.discarded or why

    def note(self, who, what, result=None):
        now = round(self.loop.time() / UNIT)
        if now != self.last_time:
            self.trace.append(f'@{now}')
            self.last_time = now
        self.trace.append(f'{who}{what}' + ('' if result is None else f'={result}'))

    def spawn(self, script, create):
        if self.spawned >= 24:
            return None
        coroutine = self.body(int(script) % len(self.scripts))
        return create(coroutine)

    def make(self, loop, coroutine, **options):
        task = Task(coroutine, loop=loop, **options)
        task.prepare(self)
        task.letter = chr(ord('a') + self.spawned)
        self.spawned += 1
        return task

    async def body(self, script, owned=False):
        task = tasks.current_task()
        task.owned = owned or task.owned
        task.started = True
        if task.early:
            super(Task, task).cancel()
        who = task.letter
        self.note(who, '(')
        try:
            result = await self.run_script(who, script)
        except BaseException as err:
            self.note(who, ')', outcome(err))
            if task._must_cancel or task.late:
                task.late = False
                while task.cancelling():
                    task.uncancel()
            raise
        if task._must_cancel or task.late:
            task.late = False
            while task.cancelling():
                task.uncancel()
        self.note(who, ')', result)
        return result

    async def run_script(self, who, script, depth=0):
        frame = Frame(self, who, self.scripts[script], depth)
        await frame.run(0, len(frame.text))
        return frame.value


def outcome(err):
    if isinstance(err, asyncio.CancelledError):
        return 'C'
    if isinstance(err, BaseExceptionGroup):
        return ''.join(sorted(leaves(err)))
    if isinstance(err, Failure):
        return f'E{err.code}'
    if isinstance(err, TimeoutError):
        return 'T'
    if isinstance(err, asyncio.QueueShutDown):
        return 'S'
    if isinstance(err, asyncio.BrokenBarrierError):
        return 'B'
    if isinstance(err, (asyncio.QueueEmpty, asyncio.QueueFull)):
        return 'N'
    if isinstance(err, asyncio.InvalidStateError):
        return 'I'
    if isinstance(err, (RuntimeError, ValueError)):
        return 'P'
    raise err


def leaves(group):
    for err in group.exceptions:
        if isinstance(err, BaseExceptionGroup):
            yield from leaves(err)
        else:
            yield outcome(err)


CATCH = (Failure, TimeoutError, asyncio.QueueShutDown, asyncio.BrokenBarrierError, asyncio.QueueEmpty,
         asyncio.QueueFull, asyncio.InvalidStateError, RuntimeError, ValueError, BaseExceptionGroup)


class Frame:
    """A script being run by a task."""
    def __init__(self, world, who, text, depth):
        self.world, self.who, self.text, self.depth = world, who, text, depth

        self.value = 0
        self.stopped = False
        self.groups = []

    def number(self, at):
        end = at
        while end < len(self.text) and self.text[end].isdigit():
            end += 1
        return int(self.text[at:end]), end

    def block(self, at):
        """The end of the block that opens at `at`."""
        depth = 0
        while True:
            if self.text[at] == '{':
                depth += 1
            elif self.text[at] == '}':
                depth -= 1
                if depth == 0:
                    return at
            at += 1

    async def run(self, at, end):
        while at < end and not self.stopped:
            at = await self.step(at)

    async def checkpoint(self):
        task = tasks.current_task()
        if task._must_cancel:
            await asyncio.sleep(0)

    async def wait(self, name, awaitable, show=lambda result: None):
        """One call that may wait."""
        task = tasks.current_task()
        try:
            await self.checkpoint()
            result = await awaitable()
        except BaseException as err:
            if isinstance(err, asyncio.CancelledError):
                task.late = False
            task.settle()
            self.world.note(self.who, name, outcome(err))
            raise
        task.settle()
        self.world.note(self.who, name, show(result))
        return result

    def simple(self, at, who):
        """What never waits, in a task or in a callback. Returns where it ends; None: it is something else."""
        world, text = self.world, self.text
        op = text[at]
        if op in '+ExvBRGdhHYyCD-':
            end = at + 2 if op != '-' else at + 1
        elif op in 'nQFX':
            end = at + 3
        else:
            return None
        i = int(text[at + 1]) if op != '-' else 0
        name = text[at:end]
        result = None
        try:
            if op == '+':
                world.counters[i] += 1
            elif op == 'E':
                world.events[i].set()
            elif op == 'x':
                world.events[i].clear()
            elif op == 'v':
                world.semaphores[i].release()
            elif op == 'B':
                if world.barriers[i]._state is locks._BarrierState.DRAINING:
                    world.discard('draining barrier')
                self.now(world.barriers[i].abort())
            elif op == 'R':
                if world.barriers[i]._state in (locks._BarrierState.DRAINING, locks._BarrierState.RESETTING):
                    world.discard('draining barrier')
                self.now(world.barriers[i].reset())
            elif op == 'G':
                world.queues[i].look(False)
                result = world.queues[i].get_nowait()
            elif op == 'd':
                world.queues[i].task_done()
            elif op == 'h':
                world.queues[i].shutdown()
            elif op == 'H':
                world.queues[i].shutdown(immediate=True)
            elif op == 'Y':
                result = int(world.futures[i].cancel())
            elif op == 'y':
                world.futures[i].add_done_callback(lambda future: world.note('*', f'y{i}'))
            elif op == 'C':
                handle = self.handle(i)
                world.direct = True
                result = 'x' if handle is None else int(handle.cancel())
                world.direct = False
            elif op == 'D':
                handle = self.handle(i)
                result = 'x' if handle is None else int(handle.done())
            elif op == '-':
                if world.timer:
                    world.timer.cancel()
            elif op == 'n':
                self.look_for_hand_over(world.conditions[i]._lock)
                world.conditions[i].notify(int(text[at + 2]))
            elif op == 'Q':
                world.queues[i].look(True)
                world.queues[i].put_nowait(int(text[at + 2]))
            elif op == 'F':
                world.futures[i].set_result(int(text[at + 2]))
            elif op == 'X':
                world.futures[i].set_exception(Failure(int(text[at + 2])))
        except CATCH as err:
            result = outcome(err)
        world.note(who, name, result)
        return end

    def look_for_hand_over(self, lock):
        if not lock.locked() and lock._waiters and any(not waiter.cancelled() for waiter in lock._waiters):
            self.world.discard('handed over')

    def now(self, coroutine):
        """Runs a coroutine that does not wait."""
        try:
            coroutine.send(None)
        except StopIteration:
            return
        self.world.discard('it waits')

    def handle(self, index):
        handles = self.world.handles
        return handles[index % len(handles)] if handles else None

    def several(self, at):
        """The tasks of a list that ends with ';', each once, none that is gone, and not oneself."""
        end = self.text.index(';', at)
        found = []
        for digit in self.text[at:end]:
            handle = self.handle(int(digit))
            if handle is not None and handle not in found and handle is not tasks.current_task():
                found.append(handle)
        return found, end + 1

    async def step(self, at):
        world, text = self.world, self.text
        op = text[at]
        world.steps += 1
        if world.steps > 300:
            world.discard('long')
            world.loop.deadlock = True
            world.loop.stop()
            self.stopped = True
            return at
        end = self.simple(at, self.who)
        if end is not None:
            return end
        if op in ':%':
            return self.schedule(at)
        method = METHODS[op]
        return await getattr(self, method)(at)

    def schedule(self, at):
        """:X - call_soon; %N,X - call_later."""
        loop = self.world.loop
        if self.text[at] == ':':
            start = at + 1
            loop.call_soon(self.simple, start, '*')
        else:
            delay, start = self.number(at + 1)
            start += 1
            self.world.timer = loop.call_later(delay * UNIT, self.simple, start, '*')
        op = self.text[start]
        return start + (1 if op == '-' else 3 if op in 'nQFX' else 2)

    async def do_yield(self, at):
        await self.wait('z', lambda: asyncio.sleep(0))
        return at + 1

    async def do_sleep(self, at):
        length, end = self.number(at + 1)
        await self.wait(self.text[at:end], lambda: asyncio.sleep(length * UNIT))
        return end

    async def with_lock(self, at):
        return await self.with_object(at, self.world.locks)

    async def with_condition(self, at):
        return await self.with_object(at, self.world.conditions)

    async def with_semaphore(self, at):
        return await self.with_object(at, self.world.semaphores)

    async def with_object(self, at, objects):
        thing = objects[int(self.text[at + 1])]
        end = self.block(at + 2)
        await self.wait(self.text[at:at + 2], thing.acquire)
        try:
            await self.run(at + 3, end)
        finally:
            try:
                thing.release()
            except (RuntimeError, ValueError):
                self.world.discard('released inside')
            self.world.note(self.who, self.text[at:at + 2] + '}')
        return end + 1

    async def acquire_semaphore(self, at):
        await self.wait(self.text[at:at + 2], self.world.semaphores[int(self.text[at + 1])].acquire)
        return at + 2

    async def wait_event(self, at):
        await self.wait(self.text[at:at + 2], self.world.events[int(self.text[at + 1])].wait)
        return at + 2

    async def wait_condition(self, at):
        condition = self.world.conditions[int(self.text[at + 1])]
        await self.wait(self.text[at:at + 2], condition.wait)
        return at + 2

    async def wait_condition_for(self, at):
        i = int(self.text[at + 1])
        counters = self.world.counters
        await self.wait(self.text[at:at + 2], lambda: self.world.conditions[i].wait_for(lambda: counters[i] > 0))
        counters[i] -= 1
        return at + 2

    async def wait_barrier(self, at):
        barrier = self.world.barriers[int(self.text[at + 1])]
        if barrier._state in (locks._BarrierState.DRAINING, locks._BarrierState.RESETTING):
            self.world.discard('draining barrier')
        await self.wait(self.text[at:at + 2], barrier.wait, lambda index: index)
        return at + 2

    async def put(self, at):
        queue = self.world.queues[int(self.text[at + 1])]
        item = int(self.text[at + 2])
        await self.wait(self.text[at:at + 3], lambda: queue.put(item))
        return at + 3

    async def get(self, at):
        queue = self.world.queues[int(self.text[at + 1])]
        await self.wait(self.text[at:at + 2], queue.get, lambda item: item)
        return at + 2

    async def join_queue(self, at):
        await self.wait(self.text[at:at + 2], self.world.queues[int(self.text[at + 1])].join)
        return at + 2

    async def wait_future(self, at):
        future = self.world.futures[int(self.text[at + 1])]
        await self.wait_joined(self.text[at:at + 2], future)
        return at + 2

    async def wait_joined(self, name, future):
        async def joined():
            return await Joined(future)
        await self.wait(name, joined, lambda value: value)

    async def create_task(self, at):
        self.create(at, lambda coroutine: self.world.loop.create_task(coroutine))
        return at + 2

    async def create_in_group(self, at):
        if not self.groups:
            return at + 2
        group = self.groups[-1]
        if group[0]._aborting:
            self.world.discard('start in a group that ends')
        self.create(at, group[0].create_task, group)
        return at + 2

    def create(self, at, how, group=None):
        try:
            task = self.world.spawn(self.text[at + 1], how)
        except RuntimeError:
            self.world.discard('start in a group that ends')
            raise
        if task:
            task.number = len(self.world.handles)
            self.world.handles.append(task)
            if group:
                task.owned = True
                group[1].append(task.number)
        self.world.note(self.who, self.text[at:at + 2], task.letter if task else 'x')

    async def join(self, at):
        task = self.handle(int(self.text[at + 1]))
        if task is None or task is tasks.current_task():
            self.world.note(self.who, self.text[at:at + 2], 'x')
        else:
            await self.wait_joined(self.text[at:at + 2], task)
        return at + 2

    async def gather(self, at):
        return await self.do_gather(at, False)

    async def gather_settled(self, at):
        return await self.do_gather(at, True)

    async def do_gather(self, at, settled):
        end = self.text.index(';', at)
        scripts = [int(digit) % len(self.world.scripts) for digit in self.text[at + 1:end]]
        if self.world.spawned + len(scripts) > 24:
            return end + 1
        await self.checkpoint_named(self.text[at:end])
        coroutines = [self.world.body(script, True) for script in scripts]
        try:
            await self.wait(self.text[at:end], lambda: asyncio.gather(*coroutines, return_exceptions=settled),
                            lambda results: ''.join(map(shown, results)) if settled else None)
        except CATCH:
            self.world.discard('gather fails')
            raise
        except asyncio.CancelledError:
            self.world.discard('gather cancelled')
            raise
        return end + 1

    async def checkpoint_named(self, name):
        try:
            await self.checkpoint()
        except asyncio.CancelledError:
            self.world.note(self.who, name, 'C')
            raise

    async def wait_many(self, at):
        mode = (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION)[int(self.text[at + 1]) % 3]
        found, end = self.several(at + 2)
        if found:
            await self.wait(self.text[at:end - 1], lambda: asyncio.wait(found, return_when=mode),
                            lambda parts: ''.join(t.letter for t in found if t in parts[0]) + '/' +
                            ''.join(t.letter for t in found if t in parts[1]))
        return end

    async def as_completed(self, at):
        found, end = self.several(at + 1)
        if found:
            name = self.text[at:end - 1]
            task = tasks.current_task()
            if sum(t.done() for t in found) > 1:
                self.world.discard('in the order of a set')
            try:
                await self.checkpoint()
                left = len(found)
                async for completed in asyncio.as_completed(found):
                    self.world.note(self.who, name, completed.letter)
                    task.settle()
                    left -= 1
                    if left:
                        await self.checkpoint()
            except asyncio.CancelledError as err:
                task.late = False
                self.world.note(self.who, name, 'C')
                raise
            task.settle()
        return end

    async def timeout(self, at):
        length, start = self.number(at + 1)
        end = self.block(start)
        name = self.text[at:start]
        try:
            async with asyncio.timeout(length * UNIT):
                await self.run(start + 1, end)
        except BaseException as err:
            self.world.note(self.who, name + '}', outcome(err))
            raise
        self.world.note(self.who, name + '}')
        return end + 1

    async def wait_for(self, at):
        """uN,S - wait_for(script S, N units)"""
        length, start = self.number(at + 1)
        script = int(self.text[start + 1]) % len(self.world.scripts)
        name = self.text[at:start + 2]
        if self.depth == 2:
            self.world.note(self.who, name, 'x')
            return start + 2
        await self.checkpoint_named(name)
        try:
            value = await asyncio.wait_for(self.world.run_script(self.who, script, self.depth + 1), length * UNIT)
        except BaseException as err:
            self.world.note(self.who, name, outcome(err))
            raise
        self.world.note(self.who, name, value)
        return start + 2

    async def group(self, at):
        end = self.block(at + 1)
        task = tasks.current_task()
        try:
            async with asyncio.TaskGroup() as group:
                group._tasks = InOrder()
                mine = group, []
                task.groups.append(group)
                self.groups.append(mine)
                try:
                    await self.run(at + 2, end)
                except BaseException as err:
                    self.world.note(self.who, 'o', outcome(err))
                    raise
                finally:
                    self.groups.pop()
                self.world.note(self.who, 'o')
        except BaseException as err:
            self.forget(mine)
            if isinstance(err, asyncio.CancelledError):
                task.late = False
            task.settle()
            self.world.note(self.who, 'O}', outcome(err))
            raise
        self.forget(mine)
        task.settle()
        self.world.note(self.who, 'O}')
        return end + 1

    def forget(self, group):
        tasks.current_task().groups.remove(group[0])
        for number in group[1]:
            self.world.handles[number] = None

    async def catch(self, at):
        end = self.block(at + 1)
        try:
            await self.run(at + 2, end)
        except CATCH as err:
            self.world.note(self.who, '?', outcome(err))
        return end + 1

    async def cleanup(self, at):
        end = self.block(at + 1)
        last = self.block(end + 1)
        task = tasks.current_task()
        try:
            await self.run(at + 2, end)
        finally:
            if task._must_cancel or task.late:
                self.world.discard('cancelled at a cleanup')
            cancelled = isinstance(sys.exception(), asyncio.CancelledError)
            stopped, self.stopped = self.stopped, False
            task.cleanups += 1
            try:
                await self.run(end + 2, last)
            except CATCH:
                if cancelled:
                    self.world.discard('an error in place of a cancellation')
                raise
            finally:
                task.cleanups -= 1
            self.stopped = self.stopped or stopped
        return last + 1

    async def swallow(self, at):
        end = self.block(at + 1)
        task = tasks.current_task()
        try:
            await self.run(at + 2, end)
        except asyncio.CancelledError:
            if task.indirect:
                self.world.discard('swallowed a level')
            while task.cancelling():
                task.uncancel()
            self.world.note(self.who, '~', 'C')
        return end + 1

    async def repeat(self, at):
        end = self.block(at + 2)
        for _ in range(int(self.text[at + 1])):
            await self.run(at + 3, end)
        return end + 1

    async def fail(self, at):
        raise Failure(int(self.text[at + 1]))

    async def give(self, at):
        self.value = int(self.text[at + 1])
        self.stopped = True
        return at + 2

    async def cancel_self(self, at):
        self.world.direct = True
        tasks.current_task().cancel()
        self.world.direct = False
        return at + 1


def shown(result):
    return outcome(result) if isinstance(result, BaseException) else str(result)


KEPT = []

METHODS = {
    'z': 'do_yield', 's': 'do_sleep', 'l': 'with_lock', 'c': 'with_condition', 'm': 'with_semaphore',
    'p': 'acquire_semaphore', 'e': 'wait_event', 'k': 'wait_condition', 'K': 'wait_condition_for',
    'b': 'wait_barrier', 'P': 'put', 'g': 'get', 'j': 'join_queue', 'f': 'wait_future', 't': 'create_task',
    'i': 'create_in_group', 'J': 'join', 'A': 'gather', 'S': 'gather_settled', 'w': 'wait_many', 'a': 'as_completed',
    'T': 'timeout', 'u': 'wait_for', 'O': 'group', '?': 'catch', '!': 'cleanup', '~': 'swallow', '*': 'repeat',
    '^': 'fail', '=': 'give', '@': 'cancel_self',
}


def run(text):
    """(trace, None) or (None, why it cannot be compared)."""
    loop = Loop()
    world = World(text)
    KEPT.append(world)
    world.loop = loop
    loop.set_task_factory(world.make)
    loop.set_exception_handler(lambda loop, context: None)
    world.futures = [loop.create_future() for _ in range(3)]
    main = loop.create_task(world.body(0))
    try:
        loop.run_until_complete(main)
    except BaseException as err:
        if not loop.deadlock:
            outcome(err)
    if loop.deadlock:
        world.note('*', 'deadlock')
        return ' '.join(world.trace), world.discarded or 'deadlock'
    left = [task for task in tasks.all_tasks(loop)]
    left.sort(key=lambda task: task.letter)
    spawned = world.spawned
    if left:
        if len(left) > 1 and any(task.owned for task in left):
            world.discard('left in groups')
        for task in left:
            task.cancel()
        try:
            loop.run_until_complete(tasks.gather(*left, return_exceptions=True))
        except RuntimeError as err:
            if not loop.deadlock:
                raise
            world.discard('deadlock')
        if world.spawned != spawned:
            world.discard('started while ending')
    loop.run_until_complete(loop.shutdown_asyncgens())
    return ' '.join(world.trace), world.discarded


THEMES = {
    'tasks': 'z z s t J C D @ = ^ ? ~ !',
    'lock': 'z s l l t C T',
    'semaphore': 'z s m m p v t C T ?',
    'event': 'z s e e E x t C T',
    'condition': 'z s c c t C T + n k K',
    'barrier': 'z s b b b t C T ? B R',
    'queue': 'z s P P g g t C T ? Q G d j h H',
    'future': 'z s f f F X Y y t C ? T :',
    'group': 'z s O O i ^ t C T ? @ J',
    'gather': 'z s A S t C T u ^ = ?',
    'wait': 'z s t t w w a a J C T ^ ? =',
    'timeout': 'z s T T u u e E t C ^ ? !',
    'callback': 'z s : % - E e F f Q g t C y T',
    'cleanup': 'z s ! ! T O i C t l ? ~ ^',
}
def digits(r, low, high):
    return ''.join(str(r.randrange(10)) for _ in range(r.randint(low, high)))


class Gen:
    def __init__(s, r, theme, scripts):
        s.r, s.ops, s.n = r, theme.split(), scripts
        s.in_condition = None
        s.current = 0
    def script(s):
        if s.current + 1 < s.n: return str(s.r.randrange(s.current + 1, s.n))
        return None
    def block(s, depth, lo=0, hi=3, group=False):
        return '{' + s.seq(depth + 1, s.r.randint(lo, hi), group) + '}'
    def seq(s, depth, n, group=False):
        return ''.join(s.op(depth, group) for _ in range(n))
    def simple(s):
        r = s.r
        c = [o for o in s.ops if o in 'ExFXYQG+vhC'] or ['E']
        o = r.choice(c)
        return s.arg(o)
    def arg(s, o):
        r = s.r
        if o in 'Ex+v': return o + str(r.randrange(2))
        if o in 'F': return o + str(r.randrange(3)) + str(r.randrange(10))
        if o == 'X': return o + str(r.randrange(3)) + str(r.randrange(1, 10))
        if o in 'Yyf': return o + str(r.randrange(3))
        if o == 'Q' or o == 'P': return o + str(r.randrange(5)) + str(r.randrange(10))
        if o in 'GghHdj': return o + str(r.randrange(5))
        if o in 'CDJ': return o + str(r.randrange(6))
        if o == 'n': return 'n' + str(s.in_condition if s.in_condition is not None else r.randrange(2)) + str(r.randrange(1, 4))
        raise ValueError(o)
    def op(s, depth, group):
        r = s.r
        o = r.choice(s.ops)
        if depth > 3 and o in 'lcmTO?!~*': o = 'z'
        if group and r.random() < .4: o = 'i'
        if o == 'i' and not group: o = 't' if 't' in s.ops else 'z'
        if o == 'z': return 'z'
        if o == 's': return 's' + str(r.randint(1, 12))
        if o in 'lm': return o + str(r.randrange(2)) + s.block(depth)
        if o == 'c':
            i = r.randrange(2); old = s.in_condition; s.in_condition = i
            # a lock that is taken twice by one task would be a deadlock: no nesting
            if old is not None: s.in_condition = old; return 'z'
            text = 'c' + str(i) + s.block(depth, 1, 4)
            s.in_condition = old
            return text
        if o in 'kK':
            if s.in_condition is None: return 'z'
            return o + str(s.in_condition)
        if o == 'b': return 'b' + str(r.randrange(2))
        if o in 'BR': return o + str(r.randrange(2))
        if o == 'e' or o == 'p': return o + str(r.randrange(2))
        if o in 'tiASu' and s.script() is None: return 'z'
        if o in 'ti': return o + s.script()
        if o in 'AS': return o + ''.join(s.script() for _ in range(r.randint(1, 3))) + ';'
        if o == 'w': return 'w' + str(r.randrange(3)) + digits(r, 1, 4) + ';'
        if o == 'a': return 'a' + digits(r, 1, 4) + ';'
        if o == 'T': return 'T' + str(r.randint(1, 12)) + s.block(depth, 1, 3)
        if o == 'u': return 'u' + str(r.randint(1, 12)) + ',' + s.script()
        if o == 'O': return 'O' + s.block(depth, 1, 4, True)
        if o in '?~': return o + s.block(depth, 1, 3)
        if o == '!': return '!' + s.block(depth, 1, 3) + s.block(depth, 1, 2)
        if o == '*': return '*' + str(r.randint(2, 3)) + s.block(depth, 1, 2)
        if o == '^': return '^' + str(r.randint(1, 9))
        if o == '=': return '=' + str(r.randrange(10))
        if o == '@': return '@'
        if o == ':': return ':' + s.simple()
        if o == '%': return '%' + str(r.randint(1, 9)) + ',' + s.simple()
        if o == '-': return '-'
        return s.arg(o)
def program(seed):
    r = random.Random(seed)
    name = r.choice(list(THEMES))
    theme = THEMES[name]
    if r.random() < .3: theme += ' ' + THEMES[r.choice(list(THEMES))]
    n = r.randint(2, 5)
    g = Gen(r, theme, n)
    mains = ''.join('t' + g.script() + ('z' if r.random() < .2 else '') for _ in range(r.randint(1, 4)))
    main = mains + g.seq(0, r.randint(1, 5))
    if r.random() < .3: main = '*4{z}' + main
    if r.random() < .6: main += 's' + str(r.randint(5, 30))
    scripts = [main]
    for g.current in range(1, n): scripts.append(g.seq(0, r.randint(1, 5)))
    if r.random() < .3: scripts[-1] = '*9{z}'
    return '|'.join(scripts)

def main():
    gc.disable()  # tasks that are stuck are not to be destroyed
    if sys.argv[1:2] == ['--generate']:
        for seed in range(int(sys.argv[2]), int(sys.argv[3])):
            print(program(seed))
        return
    reasons = collections.Counter()
    for line in sys.stdin:
        text = line.rstrip('\n').split('\t')[0]
        trace, why = run(text)
        reasons[why] += 1
        if sys.argv[1:] == ['--reasons']:
            print(text, trace, why or '', sep='\t')
        elif not why:
            print(text, trace, sep='\t')
    print(dict(reasons), file=sys.stderr)
    sys.stdout.flush()
    os._exit(0)


if __name__ == '__main__':
    main()
