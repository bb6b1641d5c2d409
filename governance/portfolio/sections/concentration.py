"""On what do many models rest at once?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.dossier.content import Block
from audits.dossier.contract import Ask, Facts
from governance.portfolio.printing import listed, share_text
from governance.portfolio.register import Register
from governance.portfolio.section import PORTFOLIO_SECTIONS, PortfolioSection

SHOWN = 15
COUNTED = frozenset({1})


@PORTFOLIO_SECTIONS.register("concentration")
class Concentration(PortfolioSection):
    """Data, libraries, formats, origins and owners that several models share."""

    slug, number, title = "concentration", 6, gettext_lazy("Concentration")
    required_by = "SR 26-2; PRA SS1/23 P2.1"
    asks = (Ask(gettext_lazy("Pre-trained parts that models are made with"), "SR 26-2; EU AI Act Annex IV(2)(a)"),)

    def gather(self, now: Register, before: Register | None) -> Facts:
        """Count for each model that is not retired what the version that stands for it rests on."""
        data: dict[str, set[str]] = defaultdict(set)
        libraries: dict[str, set[str]] = defaultdict(set)
        formats: dict[str, set[str]] = defaultdict(set)
        counted = 0
        for slug in now.live:
            key = now.lead_version(slug)
            if key is None:
                continue
            counted += 1
            version = now.versions[key]
            for _role, used, _digest in version["datasets"]:
                data[str(used).partition("/")[0]].add(slug)
            for name in version["library_versions"]:
                libraries[str(name)].add(slug)
            for role, form, _sha256 in version["artifacts"]:
                if role == "model" and form:
                    formats[str(form)].add(slug)
        owners = Counter(now.name_of(now.models[slug]["owner"]) for slug in now.live if now.models[slug]["owner"])
        return {
            "models": len(now.live),
            "with_version": counted,
            "data": _largest({name: len(slugs) for name, slugs in data.items() if len(slugs) > 1}),
            "libraries": _largest({name: len(slugs) for name, slugs in libraries.items()}),
            "formats": _largest({name: len(slugs) for name, slugs in formats.items()}),
            "owners": _largest(owners),
        }

    def blocks(self, facts: Facts, sections: Mapping[str, Facts]) -> list[Block]:
        """Return a table of each, the largest first."""
        parts = (
            (_("Data that more than one model rests on"), _("Data"), "data", "with_version"),
            (_("Libraries"), _("Library"), "libraries", "with_version"),
            (_("Formats of model files"), _("Format"), "formats", "with_version"),
            (_("Owners"), _("Owner"), "owners", "models"),
        )
        return [
            listed(caption, ((heading, 3), (_("Models"), 1.4)),
                   [(name, share_text(count, facts[of])) for name, count in facts[key]], SHOWN, COUNTED)
            for caption, heading, key, of in parts
        ]  # fmt: skip


def _largest(counts: Mapping[str, int]) -> list[list[object]]:
    return [[name, count] for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
