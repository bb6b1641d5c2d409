"""Is each of the fifteen kinds of tampering proven by somebody who holds a checkpoint from outside the database?

The list is that of Cadastre's threat model. Each attacker owns the database, takes the triggers down and puts
them back.
"""

from __future__ import annotations

import json
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import connection

from registry.digests import canonical_json
from registry.ledger import anchors, sequencer
from registry.ledger.append import append
from registry.ledger.checkpoint import verifier_key
from registry.ledger.models import LedgerCheckpoint, LedgerEvent, LedgerLeaf, LedgerPending
from registry.ledger.verify import verify_all
from registry.models import User
from tests.registry import ledger_attacker as attacker
from tests.registry.ledger_cast import NOTED, adam, people

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

EVENTS = 16
SIZES = [4, 8, 12, 16]


@pytest.fixture
def ledger(monkeypatch):
    """Sixteen events of three subjects in four batches, the last of them anchored outside."""
    monkeypatch.setattr(sequencer, "BATCH", 4)
    actor = adam()
    subjects = [actor, *people(actor, 2)]
    for number in range(EVENTS - LedgerEvent.objects.count()):
        append(NOTED, subjects[number % 3], actor=actor, payload={"number": number})
    assert sequencer.sequence_all() == EVENTS
    assert list(LedgerCheckpoint.objects.order_by("size").values_list("size", flat=True)) == SIZES
    assert anchors.anchor_latest() == EVENTS
    report = verify_all()
    assert report.verified, report.lines()
    return actor


def edit_one_row():
    attacker.put_body(9, attacker.edited(attacker.bodies()[9], payload={"number": 99}))


def edit_and_fix_its_own_hash():
    attacker.put_body(9, attacker.edited(attacker.bodies()[9], payload={"number": 99}), fix_hash=True)


def delete_a_middle_row():
    leaf = LedgerLeaf.objects.get(index=9)
    ident = f"'{leaf.event_id if connection.vendor == 'postgresql' else leaf.event_id.hex}'"
    attacker.wipe(LedgerEvent, where=f"id = {ident}")
    attacker.wipe(LedgerLeaf, where='"index" = 9')


def delete_and_renumber_and_rehash():
    items = attacker.bodies()
    attacker.rebuild(attacker.rechained(items[:9] + items[10:]), sizes=SIZES, key=None)


def insert_back_dated_and_rehash():
    items = attacker.bodies()
    forged = attacker.edited(items[9], id="01890000-0000-7000-8000-000000000001", payload={"number": 99})
    attacker.rebuild(attacker.rechained([*items[:9], forged, *items[9:]]), sizes=SIZES, key=None)


def swap_and_rehash():
    items = attacker.bodies()
    items[9], items[10] = items[10], items[9]
    attacker.rebuild(attacker.rechained(items), sizes=SIZES, key=None)


def edit_and_rehash_everything():
    items = attacker.bodies()
    items[9] = attacker.edited(items[9], payload={"number": 99})
    attacker.rebuild(attacker.rechained(items), sizes=SIZES, key=None)


def truncate_rows():
    attacker.rebuild(attacker.bodies()[:10], sizes=SIZES, key=None)


def rebuild_with_a_forged_key():
    items = attacker.bodies()
    items[9] = attacker.edited(items[9], payload={"number": 99})
    attacker.rebuild(attacker.rechained(items), sizes=SIZES, key=Ed25519PrivateKey.generate())


def truncate_rows_and_heads():
    attacker.rebuild(attacker.bodies()[:12], sizes=SIZES, key=None)
    attacker.wipe(LedgerCheckpoint, where="size > 12")


def delete_all_heads_and_rehash():
    edit_and_rehash_everything()
    attacker.wipe(LedgerCheckpoint)


def rebuild_with_the_stolen_key():
    items = attacker.bodies()
    items[9] = attacker.edited(items[9], payload={"number": 99})
    attacker.rebuild(attacker.rechained(items), sizes=SIZES, key=attacker.stolen_key())


def restore_an_old_backup():
    attacker.rebuild(attacker.bodies()[:8], sizes=SIZES, key=attacker.stolen_key())


def restore_and_continue():
    items = attacker.bodies()
    forged = [attacker.edited(item, payload={"number": 99}) for item in items[8:]]
    attacker.rebuild(attacker.rechained(items[:8] + forged), sizes=[*SIZES[:2], 14, 16], key=attacker.stolen_key())


def empty_the_ledger():
    attacker.wipe(*attacker.TABLES)


IN_THE_DATABASE = [
    edit_one_row,
    edit_and_fix_its_own_hash,
    delete_a_middle_row,
    delete_and_renumber_and_rehash,
    insert_back_dated_and_rehash,
    swap_and_rehash,
    edit_and_rehash_everything,
    truncate_rows,
    rebuild_with_a_forged_key,
]
ONLY_FROM_OUTSIDE = [
    truncate_rows_and_heads,
    delete_all_heads_and_rehash,
    rebuild_with_the_stolen_key,
    restore_an_old_backup,
    restore_and_continue,
    empty_the_ledger,
]


def wrong(report):
    """What is proven false of the ledger itself, the tables and the triggers set aside."""
    slugs = {statement.slug for statement in report.statements if statement.outcome == "false"}
    return slugs - {"replay", "triggers"}


@pytest.mark.parametrize("tamper", IN_THE_DATABASE, ids=lambda tamper: tamper.__name__)
def test_tampering_is_proven(ledger, tamper):
    tamper()
    report = verify_all()
    assert report.exit_code == 1
    assert wrong(report), report.lines()


@pytest.mark.parametrize("tamper", ONLY_FROM_OUTSIDE, ids=lambda tamper: tamper.__name__)
def test_tampering_that_leaves_the_database_in_order_is_proven_by_the_anchor(ledger, tamper):
    tamper()
    report = verify_all()
    assert report.exit_code == 1
    assert "anchors" in wrong(report), report.lines()
    health = anchors.health()
    assert not health.healthy
    assert health.reason


@pytest.mark.parametrize(
    "tamper", [rebuild_with_the_stolen_key, restore_and_continue], ids=lambda tamper: tamper.__name__
)
def test_after_a_fork_nothing_more_is_signed(ledger, tamper):
    tamper()
    append(NOTED, ledger, actor=ledger)
    with pytest.raises(sequencer.LedgerFault) as fault:
        sequencer.sequence_all()
    assert fault.value.code == "ledger-forked"
    assert LedgerPending.objects.count() == 1
    with pytest.raises(sequencer.LedgerFault):
        anchors.anchor_latest()


def test_a_key_put_in_the_place_of_ours_does_not_verify_the_forger(ledger, tmp_path, settings):
    """An auditor brings the verifier key; the forger has exchanged key file, checkpoints and events."""
    kept = tmp_path / "kept.vkey"
    kept.write_text(verifier_key(settings.REGISTER_NAME, attacker.stolen_key().public_key()))
    forged = Ed25519PrivateKey.generate()
    items = attacker.bodies()
    items[9] = attacker.edited(items[9], payload={"number": 99})
    attacker.rebuild(attacker.rechained(items), sizes=SIZES, key=forged)
    settings.LEDGER_KEY_FILE = tmp_path / "forged.key"
    settings.LEDGER_KEY_FILE.write_bytes(forged.private_bytes_raw())
    settings.LEDGER_ANCHOR_DIR = tmp_path / "emptied"
    assert wrong(verify_all(key_path=kept)) == {"checkpoints"}


def test_a_changed_byte_of_a_stored_body_is_proven_wherever_it_is(ledger):
    original = attacker.bodies()[9]
    with attacker.walls_down():
        for position in range(0, len(original), 41):
            changed = bytearray(original)
            changed[position] ^= 1 << position % 8
            attacker.overwrite(9, bytes(changed))
            assert "leaves" in wrong(verify_all()), position
        attacker.overwrite(9, original)
    assert verify_all().verified


def test_a_body_written_in_other_bytes_is_proven_even_when_it_says_the_same(ledger):
    value = json.loads(attacker.bodies()[9])
    loose = json.dumps(value).encode()
    assert canonical_json(json.loads(loose)) == attacker.bodies()[9]
    attacker.put_body(9, loose, fix_hash=True)
    assert {"bodies", "checkpoints"} <= wrong(verify_all())


def test_a_search_column_that_lies_is_proven(ledger):
    for change in ("action = 'test.other'", "actor_id = 'x'", "subject_seq = 900", "subject_key = 'x'"):
        with attacker.walls_down(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM registry_ledgerevent ORDER BY id LIMIT 1")
            ident = cursor.fetchone()[0]
            cursor.execute(f"UPDATE registry_ledgerevent SET {change} WHERE id = %s", [ident])  # noqa: S608  (ours)
        assert "columns" in wrong(verify_all()), change


def test_an_event_that_is_neither_placed_nor_waiting_is_proven(ledger):
    append(NOTED, ledger, actor=ledger)
    attacker.wipe(LedgerPending)
    assert wrong(verify_all()) == {"pending"}


def test_raw_sql_on_a_business_table_is_seen_by_the_replay(ledger):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_user SET is_active = %s WHERE username = 'person-1'", [False])
    report = verify_all()
    assert wrong(report) == set()
    replay = report.statements[-1]
    assert (replay.slug, replay.wrong) == ("replay", 1)
    assert "is_active: the ledger says True, the table says False" in replay.examples[0]


def test_a_row_without_an_event_and_an_event_without_a_row_are_differences(ledger):
    User.objects.create(username="smuggled", created_at=ledger.created_at)
    replay = verify_all().statements[-1]
    assert replay.wrong == 1
    assert "(absent)" in replay.examples[0]
    User.objects.filter(username="smuggled").delete()
    User.objects.filter(username="person-1").delete()
    assert "the table says '(absent)'" in verify_all().statements[-1].examples[0]


def run_command(*options):
    out = StringIO()
    try:
        call_command("verify_ledger", *options, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_verified_false_or_unknown(ledger, tmp_path, settings):
    code, text = run_command()
    assert code == 0
    assert text.rstrip().endswith("VERIFIED")

    code, text = run_command("--json")
    assert (code, json.loads(text)["verdict"]) == (0, "verified")

    note = tmp_path / "kept-by-the-auditor.txt"
    note.write_text(LedgerCheckpoint.objects.get(size=8).note, encoding="utf-8")
    assert run_command("--anchors", str(note))[0] == 0

    code, text = run_command("--anchors", str(tmp_path / "absent"))
    assert code == 2
    assert "COULD NOT BE VERIFIED" in text
    assert run_command("--key", str(tmp_path / "absent"))[0] == 2

    anchored = settings.LEDGER_ANCHOR_DIR
    settings.LEDGER_ANCHOR_DIR = tmp_path / "nothing-here"
    assert run_command()[0] == 2
    settings.LEDGER_ANCHOR_DIR = anchored

    rebuild_with_the_stolen_key()
    code, text = run_command("--anchors", str(note))
    assert code == 0, "the change lies behind the checkpoint that this auditor holds"
    code, text = run_command()
    assert code == 1
    assert "PROVEN FALSE" in text


def test_an_empty_ledger_is_verified_and_makes_no_key(settings, tmp_path):
    settings.LEDGER_KEY_FILE = tmp_path / "ledger.key"
    assert run_command()[0] == 0
    assert not settings.LEDGER_KEY_FILE.exists()
