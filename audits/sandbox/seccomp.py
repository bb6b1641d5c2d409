"""Which system calls may the child make? A filter program of allowed calls, built by hand, for x86-64 and arm64.

An allow-list: what is not named here is refused. In particular there is no socket, no new process and no new program,
no ptrace, mount, namespace, keyring, BPF or io_uring call, no shared memory that outlives the child, and none of the
calls that Landlock does not cover (chmod, chown, setxattr, utime).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_ALLOWED = """
read 0 63|write 1 64|open 2 -|openat 257 56|openat2 437 437|close 3 57|close_range 436 436|fstat 5 80|stat 4 -
lstat 6 -|newfstatat 262 79|statx 332 291|access 21 -|faccessat 269 48|faccessat2 439 439|readlink 89 -
readlinkat 267 78|getdents 78 -|getdents64 217 61|lseek 8 62|pread64 17 67|pwrite64 18 68|readv 19 65|writev 20 66
preadv 295 69|pwritev 296 70|preadv2 327 286|pwritev2 328 287|mmap 9 222|mprotect 10 226|munmap 11 215|mremap 25 216
madvise 28 233|msync 26 227|mincore 27 232|mlock 149 228|munlock 150 229|brk 12 214|rt_sigaction 13 134
rt_sigprocmask 14 135|rt_sigreturn 15 139|rt_sigpending 127 136|rt_sigtimedwait 128 137|rt_sigsuspend 130 133
sigaltstack 131 132|dup 32 23|dup2 33 -|dup3 292 24|pipe 22 -|pipe2 293 59|select 23 -|pselect6 270 72|poll 7 -
ppoll 271 73|epoll_create 213 -|epoll_create1 291 20|epoll_ctl 233 21|epoll_wait 232 -|epoll_pwait 281 22
epoll_pwait2 441 441|eventfd 284 -|eventfd2 290 19|timerfd_create 283 85|timerfd_settime 286 86
timerfd_gettime 287 87|nanosleep 35 101|clock_nanosleep 230 115|clock_gettime 228 113|clock_getres 229 114
gettimeofday 96 169|time 201 -|times 100 153|getrusage 98 165|sysinfo 99 179|uname 63 160|getpid 39 172
gettid 186 178|getppid 110 173|getuid 102 174|geteuid 107 175|getgid 104 176|getegid 108 177|getresuid 118 148
getresgid 120 150|getgroups 115 158|getpgrp 111 -|getpgid 121 155|getsid 124 156|getrlimit 97 163|umask 95 166
getcwd 79 17|chdir 80 49|fchdir 81 50|mkdir 83 -|mkdirat 258 34|rmdir 84 -|unlink 87 -|unlinkat 263 35|rename 82 -
renameat 264 38|renameat2 316 276|ftruncate 77 46|truncate 76 45|fallocate 285 47|fsync 74 82|fdatasync 75 83
flock 73 32|sendfile 40 71|copy_file_range 326 285|futex 202 98|futex_waitv 449 449|set_robust_list 273 99
set_tid_address 218 96|arch_prctl 158 -|exit 60 93|exit_group 231 94|sched_yield 24 124|sched_getaffinity 204 123
sched_getparam 143 121|sched_getscheduler 145 120|sched_get_priority_max 146 125|sched_get_priority_min 147 126
getcpu 309 168|getrandom 318 278|rseq 334 293|membarrier 324 283|restart_syscall 219 128|statfs 137 43
fstatfs 138 44|fadvise64 221 223|readahead 187 213|get_mempolicy 239 236|wait4 61 260|waitid 247 95|alarm 37 -
setitimer 38 103|getitimer 36 102|timer_create 222 107|timer_settime 223 110|timer_gettime 224 108
timer_delete 226 111|timer_getoverrun 225 109|pause 34 -
"""
"""Name, number on x86-64, number on arm64 (``-``: that architecture does not have it); from the kernel's own
headers."""

_CONDITIONAL = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "prctl": (157, 167),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "prlimit64": (302, 261),
    "kill": (62, 129),
    "tgkill": (234, 131),
}
_HIGHEST_KNOWN = 462
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_X32_BIT = 0x40000000

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000
_PRCTL_OPTIONS = (3, 15, 16, 21, 23, 39, 42, 0x53564D41)
_IOCTL_REQUESTS = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_FCNTL_REFUSED = (8, 10, 15, 1024, 1026)

_LOAD, _EQUAL, _AT_LEAST, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def supported() -> bool:
    """Tell whether there is a table of system calls for this machine's processor."""
    return platform.machine() in _ARCHITECTURES and struct.calcsize("P") == 8


def allowed(machine: str) -> dict[str, int]:
    """Return the unconditionally allowed calls of ``machine`` ("x86_64" or "aarch64") with their numbers."""
    column = _ARCHITECTURES[machine][1]
    rows = (cell.split() for line in _ALLOWED.split("\n") for cell in line.split("|") if cell.strip())
    return {row[0]: int(row[1 + column]) for row in rows if row[1 + column] != "-"}


def conditional(machine: str) -> dict[str, int]:
    """Return the calls of ``machine`` that are allowed or refused by their arguments, with their numbers."""
    return {name: numbers[_ARCHITECTURES[machine][1]] for name, numbers in _CONDITIONAL.items()}


def _one_of(number: int, *, argument: int, values: tuple[int, ...], verdict: int, otherwise: int) -> list[Instruction]:
    """When the call is ``number``: answer ``verdict`` if its argument is among ``values``, else ``otherwise``."""
    count = len(values)
    body: list[Instruction] = [(_LOAD, 0, 0, 16 + 8 * argument)]
    body += [(_EQUAL, count - place, 0, value) for place, value in enumerate(values)]
    body += [(_RETURN, 0, 0, otherwise), (_RETURN, 0, 0, verdict)]
    return [(_EQUAL, 0, len(body), number), *body]


def program(machine: str, own_pid: int) -> list[Instruction]:
    """Return the filter for ``machine`` as classic BPF instructions (code, jump if true, jump if false, operand).

    Order matters: a foreign architecture or the x32 interface kills; calls newer than the table answer ENOSYS, as does
    clone3, so that the C library falls back to clone, whose flags can be read; everything else not listed answers
    EPERM.
    """
    architecture, _ = _ARCHITECTURES[machine]
    refuse, missing = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    lines: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL)]
    lines += [(_ABOVE, 0, 1, _HIGHEST_KNOWN), (_RETURN, 0, 0, missing)]
    call = conditional(machine)
    lines += [(_EQUAL, 0, 1, call["clone3"]), (_RETURN, 0, 0, missing)]
    lines += [
        (_EQUAL, 0, 5, call["clone"]),
        (_LOAD, 0, 0, 16),
        (_ANY_BIT, 0, 1, _CLONE_THREAD),
        (_ANY_BIT, 0, 1, _CLONE_NAMESPACES),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    lines += _one_of(call["prctl"], argument=0, values=_PRCTL_OPTIONS, verdict=_ALLOW, otherwise=refuse)
    lines += _one_of(call["ioctl"], argument=1, values=_IOCTL_REQUESTS, verdict=_ALLOW, otherwise=_ERRNO | errno.ENOTTY)
    lines += _one_of(call["fcntl"], argument=1, values=_FCNTL_REFUSED, verdict=refuse, otherwise=_ALLOW)
    lines += _one_of(call["prlimit64"], argument=0, values=(0,), verdict=_ALLOW, otherwise=refuse)
    lines += _one_of(call["kill"], argument=0, values=(own_pid,), verdict=_ALLOW, otherwise=refuse)
    lines += _one_of(call["tgkill"], argument=0, values=(own_pid,), verdict=_ALLOW, otherwise=refuse)
    numbers = sorted(set(allowed(machine).values()))
    lines += [(_EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    return [*lines, (_RETURN, 0, 0, refuse), (_RETURN, 0, 0, _ALLOW)]


def install() -> None:
    """Put the filter on this process for ever; it must still have one thread only and have set no-new-privileges."""
    lines = program(platform.machine(), os.getpid())
    code = b"".join(struct.pack("<HBBI", *line) for line in lines)
    buffer = ctypes.create_string_buffer(code, len(code))
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = _Program(len(lines), ctypes.cast(buffer, ctypes.c_void_p))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(wanted), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused the system call filter")
