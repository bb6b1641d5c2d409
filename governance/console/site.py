"""What is the console? Django's admin site with pages of our own, ordered by the risk manager's day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext, gettext_lazy

View = Callable[..., HttpResponse]


class Console(AdminSite):
    """Pages that decide through actions, and read-only windows on the records. Nothing is edited in a row."""

    site_header = "Cadastre"
    site_title = "Cadastre"
    index_title = gettext_lazy("Today")
    site_url = None
    enable_nav_sidebar = False
    final_catch_all_view = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the sign-in page with our own form, which knows accounts that have ended."""
        from governance.console.sign_in import SignInForm

        self.login_form = SignInForm
        return super().login(request, extra_context)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Return our pages, then what Django's admin brings: sign-in, sign-out and the windows on the records."""
        from governance.console import past
        from governance.console.pages import (
            account,
            audit,
            divergences,
            findings,
            looks,
            models,
            people,
            personal,
            policies,
            portfolio,
            promotions,
            request_list,
            room,
            runs,
            samples,
            standing,
            verification,
        )

        def page(route: str, view: View, name: str) -> URLPattern:
            guarded: View = self.admin_view(view)
            return path(route, guarded, name=name)

        return [
            page("models/", models.models, "models"),
            page("models/<slug:slug>/", models.model, "model"),
            page("promotions/", promotions.promotions, "promotions"),
            page("promotions/<uuid:promotion_id>/", promotions.promotion, "promotion"),
            page("validations/<uuid:run_id>/", runs.run, "run"),
            page("validations/<uuid:run_id>/progress/", runs.progress, "run_progress"),
            page("findings/", findings.findings, "findings"),
            page("findings/<uuid:finding_id>/", findings.finding, "finding"),
            page("policies/", policies.policies, "policies"),
            page("policies/draft/", policies.policy_draft, "policy_draft"),
            page("policies/<slug:slug>/<int:number>/", policies.policy, "policy"),
            page("portfolio/", portfolio.portfolio, "portfolio"),
            page("audit/", audit.audit, "audit"),
            page("audit/verifications/", verification.verifications, "verifications"),
            page("audit/verifications/<uuid:verification_id>/", verification.verification, "verification"),
            page(
                "audit/verifications/<uuid:verification_id>/progress/", verification.progress, "verification_progress"
            ),
            page("audit/samples/", samples.samples, "samples"),
            page("audit/samples/<uuid:sample_id>/", samples.sample, "sample"),
            page("audit/samples/<uuid:sample_id>/csv/", samples.sample_csv, "sample_csv"),
            page("audit/samples/<uuid:sample_id>/population/", samples.sample_population, "sample_population"),
            page("audit/room/", room.room, "room"),
            page("audit/requests/", request_list.items, "items"),
            page("audit/requests/<uuid:item_id>/", request_list.item, "item"),
            page("audit/divergences/", divergences.divergences, "divergences"),
            page("audit/looks/", looks.looks, "looks"),
            page("audit/standing/", standing.standing_page, "standing"),
            page("audit/decisions/<uuid:decision_id>/", audit.decision, "decision"),
            page("audit/dossiers/<uuid:dossier_id>/pdf/", audit.dossier_pdf, "dossier_pdf"),
            page("audit/dossiers/<uuid:dossier_id>/bundle/", audit.dossier_bundle, "dossier_bundle"),
            page("as-of/", past.as_of, "as_of"),
            page("people/personal-data/", personal.personal_data, "personal_data"),
            page("people/", people.people, "people"),
            page("people/<uuid:person_id>/", people.person, "person"),
            page("password/", account.password, "password"),
            page("password_change/", account.password, "password_change"),
            page("records/", self.records, "records"),
            *super().get_urls(),
        ]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Guard a page of the console; as of an instant it is another page, or none. What auditors are shown is recorded."""
        from governance.console.past import in_time
        from governance.console.seen import recorded

        return super().admin_view(recorded(in_time(view)), cacheable)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the page of today in the place of Django's list of tables."""
        from governance.console.pages.today import today

        return today(request)  # type: ignore[return-value]  # our pages are template responses, the decorator says less

    def records(self, request: HttpRequest) -> TemplateResponse:
        """Show the list of the read-only windows on the tables."""
        from governance.console.acts import show

        return show(request, "records", {"app_list": self.get_app_list(request)}, title=gettext("Records"))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the rooms, the instant pages are shown as of, and whether the register is read-only, to every page."""
        from governance.console.access import rooms_for
        from governance.console.past import instant_set
        from registry.ledger.standing import standing

        ours = {"rooms": rooms_for(request), "as_of": instant_set(request), "standing": standing()}
        return {**super().each_context(request), **ours}
