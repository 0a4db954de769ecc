"""What the interpreter in the sandbox does before the program: limits, a filter of system calls, a clean `__main__`.

It is passed as text and imports little, because every run pays for its imports. The filter is there because a limit on
processes does not bind root, whose sandboxes would otherwise be open to fork bombs: threads are allowed, processes are
not. It also denies what neither namespaces nor limits cover (`DENIED`), and every kind of socket but the three that a
namespace of the network holds back (`FAMILIES`).
"""

import builtins
import ctypes
import errno
import os
import resource
import select
import struct
import sys
import types

NAME = "program.py"
"""The program's file, in the sandbox's folder: where tracebacks find its lines."""
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Numbers of the architectures (linux/audit.h); their order is that of the columns below."""
SOCKETS = {"socket": (41, 198), "socketpair": (53, 199)}
CLONE = (56, 220)
DENIED = {
    # has the kernel make calls on the program's behalf, sockets among them, which a filter does not see
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # memory and files of other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    # the kernel's keyrings and its log
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "syslog": (103, 116),
    # namespaces of its own, with their privileges, and those of others
    "unshare": (272, 97),
    "setns": (308, 268),
    # memory that no limit counts, or that outlives its use
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # code inside the kernel, and a look at what else runs on the machine
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "open_by_handle_at": (304, 265),
    # processes; aarch64 has neither
    "fork": (57, None),
    "vfork": (58, None),
}
"""System calls that fail with EPERM: name → number on each architecture."""
SIGNALS = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
"""System calls by which a process reaches another one of its sandbox."""
FAMILIES = (1, 2, 10)
"""Sockets that a program may have: AF_UNIX, AF_INET and AF_INET6. Of the others, some lead past every namespace of the
network (AF_VSOCK, between a virtual machine and its host), some into parts of the kernel that no program needs."""
CLONE3 = 435
CLONE_THREAD = 0x10000
FIRST_X32 = 0x40000000
"""From here on, x86-64 has a second set of numbers for the same calls."""
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000, 0x80000000
"""Answers of a filter; the error number is added to `DENY`."""
LOAD, EQUAL, AT_LEAST, ANY_BIT, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of a filter (linux/bpf_common.h): load a word; jump if it is equal, at least, or has a bit; answer."""
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Where a filter finds the parts of a call (linux/seccomp.h, struct seccomp_data)."""
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
"""Arguments of prctl."""


def main() -> None:
    """Arguments: the file descriptors of the program's text and of a pipe that ends with the caller, then the limits:
    seconds of CPU, bytes of address space, bytes of a file, threads, and whether the program may have processes. Such a
    program is not the untrusted one: it finds `allow_threads_only` among its names, for processes it makes. The file
    is emptied: by that the caller sees that the program was started."""
    descriptor, alive, seconds, memory, file_size, threads, forks = map(int, sys.argv[1:])
    pipe = select.poll()
    pipe.register(alive)
    if pipe.poll(0):
        raise SystemExit("the caller is gone")
    os.close(alive)
    with open(descriptor, "r+", encoding="utf-8") as file:
        source = file.read()
        file.truncate(0)
    os.chdir("/tmp")
    with open(NAME, "w", encoding="utf-8") as file:
        file.write(source)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # a signal, and a second later the end
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_NPROC, threads),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    module = types.ModuleType("__main__")
    if forks:
        module.__dict__["allow_threads_only"] = allow_threads_only
    else:
        allow_threads_only()
    # `site`, which defines these, is not read
    for name in ("exit", "quit"):
        setattr(builtins, name, sys.exit)
    sys.argv = [NAME]
    sys.excepthook = without_launcher
    sys.modules["__main__"] = module
    exec(compile(source, NAME, "exec"), module.__dict__)


def without_launcher(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    """Print a traceback as the program would have it by itself."""
    while trace and trace.tb_frame.f_code.co_filename == main.__code__.co_filename:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def allow_threads_only(signals: bool = True) -> None:
    """Install the filter, for good. Without `signals`, none can be sent. Raises `OSError` where that cannot be done."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(f"no filter of system calls for {machine}")
    program = system_call_filter(machine, signals)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    nothing = ctypes.c_ulong(0)
    for option, first, second in (
        (NO_NEW_PRIVILEGES, ctypes.c_ulong(1), nothing),
        (SECCOMP, ctypes.c_ulong(FILTER), ctypes.create_string_buffer(header, len(header))),
    ):
        if prctl(option, first, second, nothing, nothing):
            raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


def system_call_filter(machine: str, signals: bool = True) -> bytes:
    """Classic BPF. Of the ways to make a process only `clone` is left, and that only for threads: the flags of `clone3`
    lie in memory, where a filter cannot look, so it seems to be missing, and the C library turns to `clone`."""
    column = list(ARCHITECTURES).index(machine)
    denied = [numbers[column] for numbers in (DENIED if signals else DENIED | SIGNALS).values()]
    first_socket, second_socket = (numbers[column] for numbers in SOCKETS.values())

    def answer_if(number: int, answer: int) -> list[tuple[int, int, int, int]]:
        return [(EQUAL, 0, 1, number), (ANSWER, 0, 0, answer)]

    instructions = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (ANSWER, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, FIRST_X32),
        (ANSWER, 0, 0, KILL),
        *(part for number in denied if number is not None for part in answer_if(number, DENY + errno.EPERM)),
        *answer_if(CLONE3, DENY + errno.ENOSYS),
        (EQUAL, 1, 0, first_socket),
        (EQUAL, 0, 3 + len(FAMILIES), second_socket),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        *((EQUAL, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)),
        (ANSWER, 0, 0, DENY + errno.EAFNOSUPPORT),
        (ANSWER, 0, 0, ALLOW),
        (EQUAL, 1, 0, CLONE[column]),
        (ANSWER, 0, 0, ALLOW),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, CLONE_THREAD),
        (ANSWER, 0, 0, ALLOW),
        (ANSWER, 0, 0, DENY + errno.EPERM),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


if __name__ == "__main__":
    main()
