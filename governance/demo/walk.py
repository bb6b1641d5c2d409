"""What happens in the demo? The main job by three kinds of user, over the real HTTP API, with a real worker."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import Error as DatabaseFault
from django.db import transaction

from audits.actions.dossiers import render_again
from audits.models import Dossier
from governance.demo import loans, people
from governance.demo.pipeline import MODEL, Pipeline, Ran, model_entry
from governance.demo.session import Answer, Session
from governance.demo.story import NotAsItShould, Story
from governance.demo.training import Trained, train
from governance.gate import attestation
from governance.models import Approval, PromotionRequest
from registry.errors import DomainError
from registry.ledger import keys
from registry.ledger.clock import database_now
from registry.models import Model, ModelVersion

ALLOWED, DENIED = 0, 1


@dataclass
class Walk:
    """The walk through one running service; ``folder`` receives what it leaves behind."""

    story: Story
    cast: people.Cast
    pipeline: Pipeline
    folder: Path

    def go(self) -> None:
        """Walk the whole way, or raise NotAsItShould at the first step that did not do what it should."""
        first, second = self.prepare()
        self.first_version(first)
        promotion = self.second_version(second)
        self.approvals(promotion)
        decision = self.allowed(second)
        self.offline(second)
        self.deployments(first, second, decision)
        self.dossier(second)
        self.proof()

    def prepare(self) -> tuple[Trained, Trained]:
        """Train the two versions and enter the model."""
        self.story.chapter("Preparation")
        training, evaluation = loans.split()
        first, second = train(training)
        self.story.say(
            f"trained two versions on {len(training)} mortgage applications; {len(evaluation)} are kept apart"
        )
        tables = loans.parquet(training), loans.parquet(evaluation)
        for version in (first, second):
            self.pipeline.write_inputs(version, *tables)
        (self.folder / "attestation-key.pub").write_text(
            attestation.public_key_line(keys.load_or_create(settings.ATTESTATION_KEY_FILE).public_key()) + "\n"
        )
        self.pipeline.post("/api/v1/models/", model_entry())
        people.take_charge(self.cast, Model.objects.get(pk=MODEL))
        self.story.say(f"CI entered the model {MODEL}; the risk manager named its owner and put it in tier 1")
        return first, second

    def first_version(self, version: Trained) -> None:
        """The first version fails on a real measurement."""
        self.story.chapter("1. CI registers the first version, and the gate says no")
        promotion = self._register_and_promote(version)
        waited = self.pipeline.run("wait", "--promotion", promotion)
        self.story.expect(waited.code == DENIED, "validation found against it", shown=waited.output)
        asked = self._gate(version, "gate-denied.json")
        self.story.expect(asked.code == DENIED, "cadastre gate exits 1 and says why:", shown=asked.output)
        self.story.quote(asked.output)
        denial = json.loads((self.folder / "gate-denied.json").read_text())
        keys_ = {reason["item"] for reason in denial["reasons"]}
        self.story.expect("selection-rate-ratio-race" in keys_, "one reason is a measured gap between groups")

    def second_version(self, version: Trained) -> str:
        """The second version passes its checks; the gate still says no."""
        self.story.chapter("2. CI registers the second version, which passes its checks")
        promotion = self._register_and_promote(version)
        waited = self.pipeline.run("wait", "--promotion", promotion)
        self.story.expect(waited.code == 0, "every blocking requirement is met", shown=waited.output)
        asked = self._gate(version, "gate-unapproved.json")
        self.story.expect(asked.code == DENIED, "the gate still says no: approvals are missing", shown=asked.output)
        return promotion

    def approvals(self, promotion: str) -> None:
        """Two eligible people approve; the registrant is refused by API and by the database itself."""
        self.story.chapter("3. People decide")
        path = f"/api/v1/promotions/{promotion}/"
        shown = self._session("ravi").get(path).json()
        body = {"decision": "approve", "statement": "", "evidence_digest": shown["evidence_digest"]}
        refused = self._session("ada").post(path + "approvals/", body | {"statement": "It is mine and it is good."})
        self._refused(refused, 403, "self-approval", "Ada, who answers for the pipeline, is refused by the API")
        self._database_refuses(promotion)
        by_token = self.pipeline.run("gate", "nothing-here", "--environment", "production")
        self.story.expect(
            by_token.code == 2, "a gate question about no file is no answer (exit 2)", shown=by_token.output
        )
        for username, statement in (
            ("ravi", "The gap between groups is measured and inside the limit; calibration holds. Approved."),
            ("pia", "Seen: lineage, the open advisory findings, and the explanation. Approved for one year of use."),
        ):
            answer = self._session(username).post(path + "approvals/", body | {"statement": statement})
            self.story.expect(answer.status == 201, f"{username} approves: {statement}", shown=answer.body.decode())
        stale = self._session("vera").post(path + "approvals/", body | {"evidence_digest": "0" * 64, "statement": "x"})
        self.story.expect(stale.status in {403, 409}, "a decision on other evidence than the present one is refused")

    def allowed(self, version: Trained) -> str:
        """The gate says yes, with a signed attestation."""
        self.story.chapter("4. The gate says yes")
        asked = self._gate(version, "gate-allowed.json", "--attestation", "attestation.json")
        self.story.expect(asked.code == ALLOWED, "cadastre gate exits 0 with an attestation", shown=asked.output)
        decision: str = json.loads((self.folder / "gate-allowed.json").read_text())["id"]
        return decision

    def offline(self, version: Trained) -> None:
        """The attestation proves itself offline, and nothing else."""
        self.story.chapter("5. The attestation is verified offline")
        model = f"model-{version.name}.skops"
        verify = ("verify", "attestation.json", "--environment", "production", "--artifact")
        good = self.pipeline.run(*verify, model)
        self.story.expect(good.code == 0, "the model file, for production: verified", shown=good.output)
        changed = bytearray(version.data)
        changed[len(changed) // 2] ^= 1
        (self.folder / "changed.skops").write_bytes(bytes(changed))
        for text, ran in (
            ("one changed byte: refused", self.pipeline.run(*verify, "changed.skops")),
            ("another environment: refused", self._verify_elsewhere(model)),
            ("an old nonce: refused", self.pipeline.run(*verify, model, "--nonce", "an-older-question")),
        ):
            self.story.expect(ran.code == DENIED, text, shown=ran.output)
        self._expired(version)

    def deployments(self, first: Trained, second: Trained, decision: str) -> None:
        """What really runs is recorded, also where no gate allowed it."""
        self.story.chapter("6. CI reports what runs")
        good = self.pipeline.run(
            "deployed", MODEL, second.name, f"model-{second.name}.skops", "--environment", "production",
            "--decision", decision,
        )  # fmt: skip
        self.story.expect(good.code == 0, f"{MODEL} {second.name} runs in production", shown=good.output)
        bad = self.pipeline.run(
            "deployed", MODEL, first.name, f"model-{first.name}.skops", "--environment", "production"
        )
        version = ModelVersion.objects.get(model=MODEL, version=first.name)
        finding = version.findings.filter(kind="ungated-deployment", state="open").first()
        self.story.expect(
            finding is not None, f"{first.name} was deployed too: recorded, and a finding is open", shown=bad.output
        )

    def dossier(self, version: Trained) -> None:
        """The auditor downloads the dossier."""
        self.story.chapter("7. The auditor takes the proof along")
        auditor = self._session("otto")
        asked = auditor.post("/api/v1/dossiers/", {"model": MODEL, "version": version.name})
        self.story.expect(asked.status == 202, "the dossier is asked for", shown=asked.body.decode())
        ran = self.pipeline.run("dossier", MODEL, version.name, "--output", "dossier-ci.pdf")
        self.story.expect(ran.code == 0, "CI may have one, too", shown=ran.output)
        dossier = self._issued(auditor, asked.json()["id"])
        pdf = auditor.get(f"/api/v1/dossiers/{dossier.pk}/pdf")
        self.story.expect(pdf.status == 200 and pdf.body.startswith(b"%PDF"), f"dossier.pdf, {len(pdf.body):,} bytes")
        (self.folder / "dossier.pdf").write_bytes(pdf.body)
        again = render_again(dossier)
        self.story.expect(pdf.body.startswith(again), "rendered a second time: the same bytes, but for the signature")
        self.bundle(auditor, dossier)

    def bundle(self, auditor: Session, dossier: Dossier) -> None:
        """The auditor takes the proof along and checks it with Python alone."""
        taken = auditor.get(f"/api/v1/dossiers/{dossier.pk}/bundle")
        self.story.expect(taken.status == 200, f"bundle.zip, {len(taken.body):,} bytes", shown=str(taken.status))
        (self.folder / "bundle.zip").write_bytes(taken.body)
        trusted = self.folder / "trusted-key.pub"
        trusted.write_text(auditor.get("/api/v1/keys/").json()["ledger"] + "\n", encoding="ascii")
        with tempfile.TemporaryDirectory() as elsewhere, zipfile.ZipFile(self.folder / "bundle.zip") as whole:
            whole.extractall(elsewhere)
            shutil.copy(trusted, elsewhere)
            command = [sys.executable, "-I", "-S", "verify.py", "--key", trusted.name]
            ran = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
        self.story.expect(
            ran.returncode == 0, "unpacked elsewhere: python3 verify.py --key trusted-key.pub", shown=ran.stdout
        )

    def proof(self) -> None:
        """The ledger proves the whole walk."""
        self.story.chapter("8. The ledger proves the walk")
        note = self._session("otto").get("/api/v1/ledger/checkpoint/")
        self.story.expect(note.status == 200, "checkpoint downloaded", shown=note.body.decode())
        text = note.json()["note"] if note.media_type.endswith("json") else note.body.decode()
        (self.folder / "ledger-checkpoint.txt").write_text(text, encoding="utf-8")
        try:
            call_command("verify_ledger", stdout=self.story.out)
        except SystemExit as ended:
            if ended.code:
                raise NotAsItShould("manage.py verify_ledger does not prove the walk") from ended
        self.story.say("manage.py verify_ledger: verified")

    def _register_and_promote(self, version: Trained) -> str:
        registered = self.pipeline.run("register", f"register-{version.name}.json")
        self.story.expect(registered.code == 0, f"cadastre register: {MODEL} {version.name}", shown=registered.output)
        asked = self.pipeline.run(
            "promote", MODEL, version.name, "--environment", "production", "--statement", version.summary,
            "--json", f"promotion-{version.name}.json",
        )  # fmt: skip
        self.story.expect(asked.code == 0, "cadastre promote: to production", shown=asked.output)
        promotion: str = json.loads((self.folder / f"promotion-{version.name}.json").read_text())["id"]
        return promotion

    def _gate(self, version: Trained, file: str, *more: str) -> Ran:
        return self.pipeline.run(
            "gate", f"model-{version.name}.skops", "--environment", "production", "--json", file, *more
        )

    def _verify_elsewhere(self, model: str) -> Ran:
        return self.pipeline.run("verify", "attestation.json", "--environment", "staging", "--artifact", model)

    def _expired(self, version: Trained) -> None:
        envelope = json.loads((self.folder / "attestation.json").read_text())
        public = keys.load_or_create(settings.ATTESTATION_KEY_FILE).public_key()
        try:
            attestation.verify(
                envelope, key=public, artifact_sha256=version.sha256, environment="production",
                now=database_now() + timedelta(hours=1),
            )  # fmt: skip
        except DomainError as refusal:
            self.story.expect(refusal.code == "attestation-expired", "an hour later: refused as expired")
            return
        raise NotAsItShould("an attestation is still accepted an hour later")

    def _session(self, username: str) -> Session:
        known = self.__dict__.setdefault("sessions", {})
        if username not in known:
            session = Session(self.pipeline.base_url)
            link = self.cast.link(username)
            session.enter(self.pipeline.base_url + link.removeprefix(settings.PUBLIC_URL.rstrip("/")))
            known[username] = session
        found: Session = known[username]
        return found

    def _refused(self, answer: Answer, status: int, code: str, text: str) -> None:
        found = answer.json().get("code") if answer.media_type.endswith("json") else None
        self.story.expect((answer.status, found) == (status, code), text, shown=answer.body.decode()[:500])

    def _database_refuses(self, promotion: str) -> None:
        request = PromotionRequest.objects.select_related("run").get(pk=promotion)
        now = database_now()
        row = Approval(
            request=request, approver=self.cast.people["ada"], requested_by=self.cast.people["pia"],
            requested_for=self.cast.people["pia"], decision="approve", role="approver", statement="by hand",
            manifest=request.covers, manifest_digest=request.covers_digest,
            evidence_digest=request.run.evidence_digest if request.run else "",
            decided_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except DatabaseFault as fault:
            self.story.say(f"a row written past every rule is refused by the database itself: {fault}".split("\n")[0])
            return
        raise NotAsItShould("the database took the approval of a contributor")

    def _issued(self, auditor: Session, dossier: str) -> Dossier:
        import time

        for _ in range(240):
            state = auditor.get(f"/api/v1/dossiers/{dossier}/").json()["state"]
            if state != "queued":
                break
            time.sleep(0.5)
        row = Dossier.objects.select_related("version").get(pk=dossier)
        self.story.expect(row.state == "issued", "the worker has issued it", shown=str(row.failure))
        return row
