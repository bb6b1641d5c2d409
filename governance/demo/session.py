"""How does a person act over HTTP without a browser? A signed-in session with cookies and CSRF, like a browser's."""

from __future__ import annotations

import http.cookiejar
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

TOKEN_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([A-Za-z0-9]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back: status, media type and body."""

    status: int
    media_type: str
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Session:
    """One person's session with the service at ``base_url``."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def enter(self, link: str) -> None:
        """Use a one-time link: set a random password and be signed in. Raises RuntimeError when it does not let in."""
        page = self._open(urllib.request.Request(link))
        found = TOKEN_FIELD.search(page.body.decode())
        if page.status != 200 or found is None:
            raise RuntimeError(f"the one-time link answered {page.status}")
        password = secrets.token_urlsafe(24)
        form = {"csrfmiddlewaretoken": found[1], "password": password, "again": password}
        request = urllib.request.Request(link, data=urllib.parse.urlencode(form).encode(), headers={"Referer": link})
        done = self._open(request)
        if done.status != 200 or "sessionid" not in {cookie.name for cookie in self.cookies}:
            raise RuntimeError(f"the one-time link did not sign in ({done.status})")

    def get(self, path: str) -> Answer:
        """Read a path of the service."""
        return self._open(urllib.request.Request(self.base_url + path))

    def post(self, path: str, body: Any) -> Answer:
        """Send JSON, with the session's CSRF token."""
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), "")
        headers = {"Content-Type": "application/json", "X-CSRFToken": token or "", "Referer": self.base_url}
        data = json.dumps(body).encode()
        return self._open(urllib.request.Request(self.base_url + path, data=data, headers=headers))

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            with self.opener.open(request, timeout=60) as response:
                return Answer(response.status, response.headers.get_content_type(), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers.get_content_type(), error.read())
