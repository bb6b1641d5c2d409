"""How does S3 keep a checkpoint that nobody can delete? Object Lock in compliance mode, checked again on every read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.ledger.checkpoint import NoteInvalid, epoch_of, parse
from registry.ledger.faults import AnchorDown, LedgerFault
from registry.ledger.places.contract import Receipt
from registry.ledger.plain import instant_text, parse_instant

MODE = "COMPLIANCE"
LARGEST_NOTE = 16_384
LARGEST_SIZE = 10**15
LARGEST_EPOCH = 10**9
EXISTS_ALREADY = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
READ_AT_MOST = 50


@dataclass(frozen=True)
class ObjectLockAnchor:
    """A bucket with Object Lock. Each checkpoint is an object that nobody can change or delete before its day.

    Its name counts downwards, so that the newest checkpoint stands first. ``endpoint`` and ``region`` are for S3 of
    other makers; credentials come from where the AWS libraries look for them.
    """

    bucket: str
    register: str
    prefix: str = "cadastre/"
    days: int = 3653
    endpoint: str | None = None
    region: str | None = None
    seconds: float = 10.0

    slug = "s3"
    remote = True

    def newest(self) -> str | None:
        """Return the newest checkpoint, deleted-looking ones included; None when there is none."""
        return next(self._read_back(), None)

    def notes(self) -> Iterator[str]:
        """Yield every checkpoint, oldest first."""
        yield from reversed(list(self._read_back()))

    def keep(self, note: str, *, instant: str) -> Receipt:
        """Put ``note`` under a new name, never over another; read it back with its lock before it counts."""
        name, until = self._name(note), datetime.now(UTC) + timedelta(days=self.days)
        version = self._put(name, note, until)
        receipt = {"bucket": self.bucket, "name": name, "version": version}
        return {**receipt, "retained_until": instant_text(self._locked(note, receipt))}

    def confirm(self, note: str, receipt: Receipt) -> str:
        """Read the object of the receipt: the same bytes, in compliance mode, at least until the day that was stated."""
        until = self._locked(note, receipt)
        try:
            stated = parse_instant(str(receipt["retained_until"]))
        except (KeyError, ValueError) as error:
            raise LedgerFault("anchor-receipt-false", "The receipt states no day of retention.") from error
        if until < stated:
            raise LedgerFault("anchor-receipt-false", "The object is retained for less than its receipt states.")
        return f"locked in {self.bucket} until {instant_text(until)}"

    def _put(self, name: str, note: str, until: datetime) -> str:
        from botocore.exceptions import ClientError

        try:
            answer = self._asked(
                "put_object",
                Key=name,
                Body=note.encode(),
                ContentType="text/plain; charset=utf-8",
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
                ObjectLockMode=MODE,
                ObjectLockRetainUntilDate=until,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in EXISTS_ALREADY:
                raise AnchorDown(self.slug, f"{error}.") from error
            return self._version_of(name)
        return str(answer.get("VersionId") or "")

    def _version_of(self, name: str) -> str:
        """Return the version under which the name was first written: a locked one cannot have been replaced."""
        page = self._read("list_object_versions", Prefix=name)
        found = sorted((one["LastModified"], str(one["VersionId"])) for one in page.get("Versions", ()))
        if not found:
            raise AnchorDown(self.slug, f"{name} is said to exist and is not there.")
        return found[0][1]

    def _locked(self, note: str, receipt: Receipt) -> datetime:
        """Return until when the object of a receipt is locked; LedgerFault unless it holds ``note`` and is locked."""
        where = {"Key": str(receipt.get("name")), "VersionId": str(receipt.get("version"))}
        answer = self._read("get_object", **where)
        if answer["Body"].read(LARGEST_NOTE + 1) != note.encode():
            raise LedgerFault("anchor-receipt-false", f"The object {where['Key']} holds another checkpoint.")
        until = answer.get("ObjectLockRetainUntilDate")
        if answer.get("ObjectLockMode") != MODE or not isinstance(until, datetime):
            raise LedgerFault("anchor-receipt-false", f"The object {where['Key']} is not locked in compliance mode.")
        return until.astimezone(UTC)

    def _read_back(self) -> Iterator[str]:
        """Yield the notes in the bucket, the newest first. Versions are listed: a delete marker hides nothing here."""
        marks: dict[str, str] = {}
        while True:
            page = self._read("list_object_versions", Prefix=self._folder(), MaxKeys=READ_AT_MOST, **marks)
            for one in page.get("Versions", ()):
                answer = self._read("get_object", Key=one["Key"], VersionId=one["VersionId"])
                yield self._note_in(answer["Body"].read(LARGEST_NOTE + 1), one["Key"])
            if not page.get("IsTruncated"):
                return
            marks = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _note_in(self, body: bytes, name: str) -> str:
        try:
            note = body.decode("utf-8")
            if self._name(note) != name:
                raise NoteInvalid("it lies under the name of another")
        except (UnicodeDecodeError, NoteInvalid) as error:
            raise LedgerFault("anchor-damaged", f"The object {name} is not a checkpoint: {error}.") from error
        return note

    def _folder(self) -> str:
        return f"{self.prefix}{self.register.replace('/', '.')}/"

    def _name(self, note: str) -> str:
        stated = parse(note)
        epoch = epoch_of(stated.origin, self.register)
        if epoch is None:
            raise NoteInvalid("it is of another register")
        order = f"{LARGEST_EPOCH - epoch:010d}-{LARGEST_SIZE - stated.size:016d}"
        return f"{self._folder()}{order}.epoch-{epoch}.{stated.size}.note"

    def _read(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._asked(operation, **arguments)
        except ClientError as error:
            raise AnchorDown(self.slug, f"{error}.") from error

    def _asked(self, operation: str, **arguments: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client(), operation)(Bucket=self.bucket, **arguments)
        except ClientError:
            raise
        except (BotoCoreError, OSError) as error:
            raise AnchorDown(self.slug, f"{error}.") from error

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        patience = Config(
            connect_timeout=self.seconds,
            read_timeout=self.seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},
        )
        return boto3.client("s3", endpoint_url=self.endpoint, region_name=self.region, config=patience)
