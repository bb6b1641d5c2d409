"""How is this installation configured? One file, driven by the environment; nothing to set for the embedded profile."""

from __future__ import annotations

import os
from pathlib import Path

import django_stubs_ext
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from governance import environment as env

django_stubs_ext.monkeypatch()  # lets ModelAdmin[Row] name the row's type at run time too

# before Arrow is loaded: its own allocator holds on to what was freed, and the sandbox uses the system's as well
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(env.text("CADASTRE_VAR") or BASE_DIR / "var").resolve()
VAR.mkdir(parents=True, exist_ok=True)

DEBUG = env.flag("CADASTRE_DEBUG", False)
SECRET_KEY = env.text("CADASTRE_SECRET_KEY") or env.made_once(VAR / "keys" / "secret-key")
ALLOWED_HOSTS = env.names("CADASTRE_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("CADASTRE_ORIGINS")
PUBLIC_URL = env.text("CADASTRE_PUBLIC_URL", "http://127.0.0.1:8000")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "registry.apps.RegistryConfig",
    "audits.apps.AuditsConfig",
    "governance.apps.GovernanceConfig",
    "governance.apps.ConsoleConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "governance.api.context.ActContextMiddleware",
    "governance.console.ended.EndedAccountMiddleware",
]
ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"console": "governance.console.tags"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": env.database(env.text("DATABASE_URL"), sqlite_default=VAR / "cadastre.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "registry.User"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.integer("CADASTRE_SESSION_SECONDS", 8 * 3600, low=60)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.flag("CADASTRE_HTTPS", False)
SECURE_SSL_REDIRECT = env.flag("CADASTRE_HTTPS", False)
SECURE_HSTS_SECONDS = 31_536_000 if env.flag("CADASTRE_HTTPS", False) else 0
if env.flag("CADASTRE_BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = env.text("CADASTRE_LANGUAGE", "en")
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = env.text("CADASTRE_TIME_ZONE", "UTC")
USE_TZ = True
FORMAT_MODULE_PATH = "governance.console.formats"
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("CADASTRE_MAX_BODY_BYTES", 2 * 2**20, low=1024)

ARTIFACT_DIR = Path(env.text("CADASTRE_ARTIFACT_DIR") or VAR / "artifacts")
ARTIFACT_MAX_BYTES = env.integer("CADASTRE_MAX_ARTIFACT_BYTES", 2 * 2**30, low=1024, high=2**40)
SCRATCH_DIR = Path(env.text("CADASTRE_SCRATCH_DIR") or VAR / "scratch")
REGISTER_NAME = env.text("CADASTRE_REGISTER_NAME", "cadastre.local/register")
LEDGER_KEY_FILE = Path(env.text("CADASTRE_LEDGER_KEY") or VAR / "keys" / "ledger.key")
LEDGER_ANCHOR_DIR = Path(env.text("CADASTRE_ANCHOR_DIR") or VAR / "anchors")
LEDGER_TRUNCATE_TRIGGER = env.flag("CADASTRE_TRUNCATE_TRIGGER", True)
LEDGER_ANCHOR_GRACE_SECONDS = env.integer("CADASTRE_ANCHOR_GRACE_SECONDS", 24 * 3600)
LEDGER_ANCHORS_NEEDED = env.integer("CADASTRE_ANCHORS_NEEDED", 0, high=3)
LEDGER_ANCHOR_EVERY_SECONDS = env.integer("CADASTRE_ANCHOR_EVERY_SECONDS", 300)
LEDGER_ANCHOR_TIMEOUT_SECONDS = env.integer("CADASTRE_ANCHOR_TIMEOUT_SECONDS", 10, low=1, high=30)
RECONCILE_EVERY_SECONDS = env.integer("CADASTRE_RECONCILE_EVERY_SECONDS", 3600, low=60, high=86400)
TIMESTAMP_URL = env.http_address("CADASTRE_TIMESTAMP_URL")
TIMESTAMP_ROOTS = env.needed_with("CADASTRE_TIMESTAMP_ROOTS", TIMESTAMP_URL)
OBJECT_LOCK_BUCKET = env.text("CADASTRE_OBJECT_LOCK_BUCKET")
OBJECT_LOCK_PREFIX = env.text("CADASTRE_OBJECT_LOCK_PREFIX", "cadastre/")
OBJECT_LOCK_ENDPOINT = env.http_address("CADASTRE_OBJECT_LOCK_ENDPOINT")
OBJECT_LOCK_REGION = env.text("CADASTRE_OBJECT_LOCK_REGION")
OBJECT_LOCK_RETENTION_DAYS = env.integer("CADASTRE_OBJECT_LOCK_RETENTION_DAYS", 3653, low=1, high=36_525)
DOSSIER_SIGNER = env.text("CADASTRE_DOSSIER_SIGNER", "file")
DOSSIER_SIGNING_KEY_FILE = Path(env.text("CADASTRE_DOSSIER_KEY") or VAR / "keys" / "dossier.pem")
ATTESTATION_KEY_FILE = Path(env.text("CADASTRE_ATTESTATION_KEY") or VAR / "keys" / "attestation.key")

RUN_LEASE_SECONDS = env.integer("CADASTRE_RUN_LEASE_SECONDS", 60, low=2)
RUN_MAX_ATTEMPTS = env.integer("CADASTRE_RUN_MAX_ATTEMPTS", 3, low=1)
RUN_WALL_SECONDS = env.integer("CADASTRE_RUN_WALL_SECONDS", 1500, low=1, high=1700)
RUN_MEMORY_BYTES = env.integer("CADASTRE_RUN_MEMORY_BYTES", 2 * 2**30, low=2**28, high=2**40)
RUN_SAMPLE_ROWS = env.integer("CADASTRE_RUN_SAMPLE_ROWS", 20_000, low=1_000, high=5_000_000)
RUN_MAX_ROWS = env.integer("CADASTRE_RUN_MAX_ROWS", 50_000_000, low=1, high=2**40)
SANDBOX_WALL_SECONDS = env.integer("CADASTRE_SANDBOX_WALL_SECONDS", 120, low=1)
SANDBOX_MEMORY_BYTES = env.integer("CADASTRE_SANDBOX_MEMORY_BYTES", 3 * 2**30, low=2**26, high=2**40)

TABLE_SOURCES = env.table_sources("CADASTRE_TABLE_SOURCES")

BROKER_URL = env.text("CADASTRE_BROKER_URL") or f"redis+socket://{VAR / 'run' / 'valkey.sock'}"
EMBEDDED_BROKER = not env.text("CADASTRE_BROKER_URL")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.api.auth.CredentialAuthentication",
        "governance.api.auth.PersonSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["governance.api.auth.Permitted"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.bodies.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "governance.api.pages.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "governance.api.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Cadastre",
    "DESCRIPTION": "The inventory of models, the evidence about them, the decisions on them, and the proof of each.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ApprovalDecisionEnum": "governance.models.approval.Approval.Decision",
        "GateAnswerEnum": "governance.models.gate.GateDecision.Outcome",
        "PolicyStateEnum": "governance.models.policy.PolicyVersion.State",
        "PromotionStateEnum": "governance.models.promotion.PromotionRequest.State",
        "FindingStateEnum": "audits.models.finding.Finding.State",
        "ValidationStateEnum": "audits.models.run.ValidationRun.State",
        "VerificationStateEnum": "registry.models.verification.Verification.State",
        "RequestedItemStateEnum": "governance.models.wanted_item.WantedItem.State",
        "StepStateEnum": "audits.models.run.RunStep.State",
        "DossierKindEnum": "audits.models.dossier.Dossier.Kind",
        "DossierStateEnum": "audits.models.dossier.Dossier.State",
    },
}

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = env.text("CADASTRE_SMTP_HOST", "localhost")
EMAIL_PORT = env.integer("CADASTRE_SMTP_PORT", 25)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "governance.logs.OneLineJSON"}},
    "filters": {"without-chatter": {"()": "governance.logs.WithoutChatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without-chatter"]},
    },
    "root": {"handlers": ["stderr"], "level": env.text("CADASTRE_LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        # at INFO they name files and certificates, a line for each signature
        "pyhanko": {"level": "WARNING"},
        "pyhanko_certvalidator": {"level": "WARNING"},
    },
}
