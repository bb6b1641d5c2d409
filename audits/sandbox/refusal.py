"""How does code inside the sandbox say that it cannot do its task? By one exception with a code of the protocol."""

from __future__ import annotations


class Refusal(Exception):
    """A defined reason why the task cannot be done."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def described(error: BaseException) -> str:
    """Describe an error in one line of ASCII, at most 300 characters."""
    text = f"{type(error).__name__}: {error}"
    return text.encode("ascii", "backslashreplace").decode("ascii").replace("\n", " ")[:300]
