"""Under which addresses is the console found? The site itself, the one-time links, and the choice of language."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from governance.console.pages.account import enter
from governance.console.pages.issued import ask, issued

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("console/", admin.site.urls),
    path("enter/<str:token>/", enter, name="enter"),
    path("verify/", ask, name="ask_issued"),
    path("verify/<str:digits>", issued, name="issued"),
    path("language/", set_language, name="set_language"),
]
