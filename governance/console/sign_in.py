"""Whom does the sign-in page let in, and what does it say to whom it does not?"""

from __future__ import annotations

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from registry.models import User


class SignInForm(AdminAuthenticationForm):
    """Name and password. That an account has ended is only said to whoever knows its password."""

    def confirm_login_allowed(self, user: User) -> None:
        """Refuse an account that has ended (``account-ended``) and one without a role."""
        if user.has_ended:
            raise ValidationError(_("Your account has ended. An administrator can set another end."), "account-ended")
        super().confirm_login_allowed(user)
