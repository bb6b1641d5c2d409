"""What does the web server serve? The WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

application = get_wsgi_application()

from registry.ledger.standing import ask_remote_anchors  # noqa: E402  (the applications must be there first)

ask_remote_anchors()
