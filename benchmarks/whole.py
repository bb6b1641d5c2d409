"""How long does it take to verify a whole ledger with Python alone? An export of a million events, by verify.py."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from benchmarks.cases import Reading, own
from benchmarks.environments import ROOT
from benchmarks.past import BEGAN
from benchmarks.rounds import Comparison, Sample, taking_turns

EVENTS, SUBJECTS = 1_000_000, 100_000
VERIFIER = ROOT / "audits" / "dossier" / "verify.py"
TIME = Reading(
    "verify-million",
    f"Offline verification of {EVENTS:,} exported events of {SUBJECTS:,} subjects by verify.py, Python's standard library "
    "alone, in one process; beside it the SHA-256 of the same files",
    own(10_000),
)
MEMORY = Reading(
    "verify-million-memory", f"The same: peak memory of verify.py over {EVENTS:,} events", own(200), "peak_mb"
)
HASHING = "import hashlib, sys\nfor name in sys.argv[1:]: hashlib.sha256(open(name, 'rb').read()).hexdigest()"


def exported(folder: Path, *, events: int, subjects: int) -> Path:
    """Write an export of well-formed, chained, signed events into ``folder`` once; return the trusted key's file."""
    import django
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    django.setup()
    from registry.digests import canonical_json
    from registry.ledger import export, tree
    from registry.ledger.checkpoint import Checkpoint, sign_note, verifier_key
    from registry.ledger.event import Event, new_event_id

    trusted = folder / "trusted-key.pub"
    if trusted.is_file():
        return trusted
    ledger = folder / "ledger"
    ledger.mkdir(parents=True)
    private, name = Ed25519PrivateKey.generate(), "benchmark"
    ends: dict[int, tuple[int, str]] = {}
    compact, notes, kept, held, segments = tree.CompactRange(), [], [], 0, 0
    for number in range(events):
        instant, subject = BEGAN + timedelta(seconds=number), number * 7919 % subjects
        seq, prev = ends.get(subject, (0, None))
        body = Event(
            id=new_event_id(instant), instant=instant, actor_id="0198c0de-0000-7000-8000-000000000001", actor_kind="person",
            action="model.edited", subject_kind="model", subject_key=f"inventory-{subject:06}", subject_seq=seq + 1,
            prev=prev, payload={}, request_id="benchmark", credential=None, authentication="session", on_behalf_of=None,
            state={"slug": f"inventory-{subject:06}", "name": f"Model {subject}", "description": "A model. " * 12},
        ).body()  # fmt: skip
        leaf = tree.leaf_hash(body)
        ends[subject] = seq + 1, leaf.hex()
        list(compact.append(leaf))
        if compact.size % export.CHECKPOINT_EVERY == 0 or compact.size == events:
            notes.append(sign_note(Checkpoint(name, compact.size, compact.root()), private))
        kept.append(body + b"\n")
        held += len(kept[-1])
        if held >= export.SEGMENT_BYTES or compact.size == events:
            segments += 1
            (ledger / f"events-{segments:06}.jsonl").write_bytes(b"".join(kept))
            kept, held = [], 0
    about = {"format": export.FORMAT, "register": name, "size": events, "segments": segments}
    (ledger / "ledger.json").write_bytes(canonical_json(about))
    (ledger / "checkpoints.json").write_bytes(canonical_json(notes))
    trusted.write_text(verifier_key(name, private.public_key()), encoding="utf-8")
    return trusted


def ran(*command: str) -> Sample:
    """Run a command of Python alone and return what it cost; any other exit code than 0 ends the benchmark."""
    child = subprocess.Popen([sys.executable, "-I", "-S", *command], stdout=subprocess.DEVNULL)
    _pid, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command[0]} ended with exit code {child.returncode}.")
    spent = 1000 * (used.ru_utime + used.ru_stime)
    return Sample(wall_ms=spent, processor_ms=spent, peak_mb=used.ru_maxrss / 1024)


def compare_verification(*, rounds: int, folder: Path, events: int, subjects: int) -> Comparison:
    """Verify, and hash the same files, in turns."""
    trusted = exported(folder, events=events, subjects=subjects)
    files = [str(path) for path in sorted((folder / "ledger").glob("events-*"))]
    return taking_turns(
        lambda: ran(str(VERIFIER), "--ledger", str(folder / "ledger"), "--key", str(trusted)),
        lambda: ran("-c", HASHING, *files),
        rounds=rounds,
    )
