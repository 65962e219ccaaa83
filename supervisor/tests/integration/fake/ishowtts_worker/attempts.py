"""What a worker that was taken over might try, and what a worker that was not has to be able to do."""

import ctypes
import errno
import glob
import os
import pathlib
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

LIBC = ctypes.CDLL(None, use_errno=True)
SUPERVISOR = os.getppid()
PTRACE_ATTACH = 16
CLONE_NEWUSER = 0x10000000


def outcome(name):
    """`done`, or the name of the error that the attempt ended with."""
    try:
        globals()[name.replace("-", "_")]()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"


def private():
    return pathlib.Path(os.environ["PRIVATE"])


def call(function, *arguments):
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def read_private():
    private().read_text()


def list_private():
    os.listdir(private().parent)


def read_environment():
    pathlib.Path(f"/proc/{SUPERVISOR}/environ").read_bytes()


def empty_private():
    os.truncate(private(), 0)


def remove_private():
    private().unlink()


def write_outside():
    (private().parent / "new").write_text("x")


def write_code():
    new = pathlib.Path(__file__).parent / "new.py"
    new.write_text("x")
    new.unlink()


def start_shell():
    subprocess.run(["/bin/sh", "-c", "true"], check=True)


def start_shell_by_loader():
    loader = (glob.glob("/lib64/ld-linux*") + glob.glob("/lib/ld-linux*"))[0]
    done = subprocess.run([loader, "/bin/sh", "-c", "true"], capture_output=True, check=False)
    if done.returncode:
        raise OSError(errno.EACCES, done.stderr.decode())


def start_own_copy():
    copy = pathlib.Path(tempfile.mkdtemp()) / "program"
    shutil.copy(sys.executable, copy)
    subprocess.run([copy, "-c", "pass"], check=True)


def connect_tcp():
    socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 5).close()


def make_udp():
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()


def make_netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()


def connect_abstract():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + os.environ["ABSTRACT"])


def signal_supervisor():
    os.kill(SUPERVISOR, signal.SIGTERM)


def signal_everybody():
    # Asks only whether it might: nobody gets anything, whatever the answer.
    os.kill(-1, 0)


def trace_supervisor():
    call(LIBC.ptrace, PTRACE_ATTACH, SUPERVISOR, None, None)


def limit_supervisor():
    resource.prlimit(SUPERVISOR, resource.RLIMIT_CORE, (0, 0))


def renice_supervisor():
    os.setpriority(os.PRIO_PROCESS, SUPERVISOR, 5)


def make_namespace():
    call(LIBC.unshare, CLONE_NEWUSER)


def mount_something():
    call(LIBC.mount, b"none", os.environ["TMPDIR"].encode(), b"tmpfs", 0, None)


def become_another():
    os.setuid(1)


def work():
    """Everything that engines and their libraries do all the time."""
    for folder in (os.environ["ISHOWTTS_CACHE"], os.environ["TMPDIR"], os.environ["HOME"], "/dev/shm"):
        with tempfile.TemporaryDirectory(dir=folder) as made:
            first, second = pathlib.Path(made) / "first", pathlib.Path(made) / "second"
            first.write_text("kept")
            first.rename(second)
            assert second.read_text() == "kept"
    with open("/dev/urandom", "rb") as random:
        assert random.read(8)
    pathlib.Path("/dev/null").write_text("nothing")
    assert pathlib.Path("/proc/self/status").read_text()
    assert pathlib.Path("/proc/cpuinfo").read_text()
    ssl.create_default_context()
    for end in socket.socketpair():
        end.close()
    thread = threading.Thread(target=os.cpu_count)
    thread.start()
    thread.join()
    subprocess.run([sys.executable, "-c", "import json"], check=True)
    os.kill(os.getpid(), 0)
    resource.prlimit(0, resource.RLIMIT_CORE)


def compile_kernel():
    """What triton does before it can launch anything: C to machine code, and that into this process."""
    folder = pathlib.Path(os.environ["TRITON_CACHE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        source, library = pathlib.Path(made) / "stub.c", pathlib.Path(made) / "stub.so"
        source.write_text("#include <stdio.h>\nint answer(void) { return 42; }\n")
        done = subprocess.run(
            ["gcc", source, "-O3", "-shared", "-fPIC", "-o", library],
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        os.replace(shutil.copy(library, folder / "draft"), folder / "stub.so")
    assert ctypes.CDLL(str(folder / "stub.so")).answer() == 42


def name_thread():
    """As NVIDIA's driver does with each of its threads."""
    pathlib.Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("computes")


def name_machine():
    pathlib.Path("/proc/sys/kernel/hostname").write_text("mine")


def limits():
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    assert files <= 4096
    assert core == 0


def secrets():
    for name in ("NOTIFY_SOCKET", "HIDDEN_TOKEN"):
        assert name not in os.environ


def leave_somebody():
    """Start a process that no process group holds."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    pathlib.Path(os.environ["FAKE_NOTES"] + ".left").write_text(str(child.pid))
