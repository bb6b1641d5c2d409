"""What does `cadastre register` read, and in which order is it said? Bytes first, then what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from cadastre.outcomes import WrongInput
from cadastre.plain import plain, strict_json
from cadastre.service import Service

MEMBERS = {"model", "datasets", "version"}
Say = Callable[[str], None]


def read_manifest(path: str) -> dict[str, Any]:
    """Return the registration file; WrongInput names what is missing, of the wrong kind or unknown."""
    try:
        manifest = strict_json(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise WrongInput(f"{path} cannot be read as JSON: {plain(error)}") from error
    if not isinstance(manifest, dict):
        raise WrongInput(f"{path} must hold a JSON object")
    if unknown := sorted(set(manifest) - MEMBERS):
        raise WrongInput(f"{path} has an unknown member {plain(unknown[0])!r}; known are {', '.join(sorted(MEMBERS))}")
    _need(manifest, "model", dict)
    _need(manifest["model"], "slug", str)
    _need(_need(manifest, "version", dict), "artifacts", list)
    for one in manifest["version"]["artifacts"]:
        _need(one, "file", str)
    for one in manifest.setdefault("datasets", []):
        _need(_need(one, "dataset", dict), "slug", str)
        _need(one, "source" if "source" in one else "file", str)
    return manifest


def register(
    service: Service, manifest: dict[str, Any], *, folder: Path, version: str | None, say: Say
) -> dict[str, Any]:
    """Upload and register everything the manifest names, and return the service's answer about the version.

    Files are relative to ``folder``; ``version`` replaces the version's name. Saying it twice changes nothing.
    """
    model = manifest["model"]["slug"]
    service.register_model(manifest["model"])
    say(f"model {model}")
    for one in manifest["datasets"]:
        slug = one["dataset"]["slug"]
        service.register_dataset(one["dataset"])
        body = {name: value for name, value in one.items() if name not in ("dataset", "file")}
        where = f"{one.get('source', '')}/{one.get('locator', '')}"
        if "file" in one:
            body["artifact_sha256"] = service.upload(str(folder / one["file"]))
            where = f"sha256:{body['artifact_sha256']}"
        service.register_dataset_version(slug, body)
        say(f"dataset {slug} {one.get('version', '')} {where}")
    artifacts = []
    for one in manifest["version"]["artifacts"]:
        digest = service.upload(str(folder / one["file"]))
        artifacts.append({**{name: value for name, value in one.items() if name != "file"}, "sha256": digest})
        say(f"artifact {one['file']} sha256:{digest}")
    body = {**manifest["version"], "artifacts": artifacts}
    if version is not None:
        body["version"] = version
    answer = service.register_version(model, body)
    say(f"version {model}/{body.get('version', '')}")
    return answer


def _need(holder: Any, name: str, kind: type) -> Any:
    if not isinstance(holder, dict) or not isinstance(holder.get(name), kind):
        raise WrongInput(
            f"the registration file needs {name!r}, of the kind {kind.__name__}, in every place it belongs"
        )
    return holder[name]
