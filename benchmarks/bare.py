"""What is the floor? A bare Django project: no middleware, no rights, no record; one indexed read, one INSERT."""

from __future__ import annotations

import json
import os
import uuid

import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="not a secret: this project guards nothing",  # noqa: S106  (a throw-away project on loopback)
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="benchmarks.bare",
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.environ["BARE_DATABASE"],
                # The same durability as ours: a commit that was answered survives a power cut.
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
                },
            }
        },
    )
    django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS verdict (digest TEXT PRIMARY KEY, decision TEXT NOT NULL, note TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS version (name TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL)",
)


def prepare(digests: list[str]) -> None:
    """Make the tables and enter one verdict per digest."""
    with connection.cursor() as cursor:
        for statement in SCHEMA:
            cursor.execute(statement)
        cursor.executemany("INSERT INTO verdict VALUES (%s, 'deny', 'no approval')", [(digest,) for digest in digests])


def read(request: HttpRequest) -> HttpResponse:
    """Answer with the verdict of the digest in the body: one indexed read."""
    asked = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute("SELECT decision, note FROM verdict WHERE digest = %s", [asked["artifact_sha256"]])
        row = cursor.fetchone()
    if row is None:
        return JsonResponse({"decision": "deny", "note": "unknown"})
    return JsonResponse({"decision": row[0], "note": row[1], "nonce": asked["nonce"]})


def insert(request: HttpRequest) -> HttpResponse:
    """Enter one version: one INSERT in one durable transaction."""
    body = json.loads(request.body)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO version VALUES (%s, %s, %s)", [str(uuid.uuid4()), body["version"], request.body.decode()]
        )
    return JsonResponse(body, status=201)


urlpatterns = [path("read/", read), path("insert/", insert)]
application = get_wsgi_application()
