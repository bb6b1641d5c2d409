"""Which pages make up the console?"""

from django.contrib import admin


class Console(admin.AdminSite):
    """The console: read-only windows and explicit action pages."""
