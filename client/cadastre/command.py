"""What is said on the command line, and with which exit code does it end? 0 yes, 1 no, 2 wrong input, 3 undecided."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from cadastre import __version__, asking, reperforming, telling
from cadastre.outcomes import UNDECIDED, Ending
from cadastre.plain import plain

EPILOG = """exit codes: 0 done, or a verified, fresh, matching allow; 1 the answer is no; 2 wrong usage or input;
3 could not be decided. Environment: CADASTRE_URL, CADASTRE_TOKEN, CADASTRE_KEY."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never 0 unless it did what it says."""
    given = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    try:
        code = run(given)
        sys.stdout.flush()
    except Ending as ending:
        return _end(f"cadastre: {plain(ending)}", ending.exit_code)
    except KeyboardInterrupt:
        return _end("cadastre: interrupted", UNDECIDED)
    except Exception as error:  # noqa: BLE001  # whatever went wrong, it was not a yes
        return _end(f"cadastre: {type(error).__name__}: {plain(error)}", UNDECIDED)
    return code


def _end(line: str, code: int) -> int:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        return code
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cadastre", description="Client of Cadastre.", epilog=EPILOG, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_telling(commands)
    _add_asking(commands)
    return parser


def _add_telling(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = _command(commands, "register", telling.register, "upload artifacts and register model, datasets and version")
    one.add_argument("manifest", type=Path, help="the registration file (JSON)")
    one.add_argument("--version", dest="model_version", help="name of the version, in place of the one in the file")
    one.add_argument("--json", metavar="FILE", help="write the service's answer there")

    one = _command(commands, "promote", telling.promote, "open a promotion request")
    _model_and_version(one)
    one.add_argument("--environment", required=True)
    one.add_argument("--statement", default="", help="why it should be promoted")
    one.add_argument("--json", metavar="FILE", help="write the service's answer there")

    one = _command(commands, "deployed", telling.deployed, "report that a version now runs somewhere")
    _model_and_version(one)
    one.add_argument("file", help="the model file that was deployed")
    one.add_argument("--environment", required=True)
    one.add_argument("--decision", help="id of the gate decision that allowed it")
    one.add_argument("--json", metavar="FILE", help="write the service's answer there")

    one = _command(commands, "dossier", telling.dossier, "have the dossier of a version issued and download its PDF")
    _model_and_version(one)
    one.add_argument("--kind", help="full (default), annex-iv, validation, card, decommission, ll144 or differences")
    text = "another version of the model, for a report on differences; the kind is then differences by default"
    one.add_argument("--compared-with", metavar="VERSION", help=text)
    one.add_argument("--output", required=True, metavar="FILE")
    _patience(one)

    one = _command(
        commands, "portfolio", telling.portfolio, "have the report on the whole register issued and download it"
    )
    one.add_argument("--language", default="en", choices=("en", "de"))
    one.add_argument("--as-of", default="", metavar="INSTANT", help="like 2026-11-21T12:00:00Z; now unless it is given")
    one.add_argument("--output", required=True, metavar="FILE")
    _patience(one)


def _add_asking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = _command(commands, "wait", asking.wait, "wait until validation has concluded; exit 1 if it found against it")
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--validation", metavar="ID")
    which.add_argument("--promotion", metavar="ID")
    one.add_argument("--json", metavar="FILE", help="write the validation run there")
    _patience(one)

    one = _command(
        commands, "reperform", reperforming.reperform, "have a validation run re-performed; exit 1 if a number differs"
    )
    one.add_argument("validation", help="id of the concluded run")
    one.add_argument("--wait", action="store_true", help="wait for the re-performance and print what differs")
    one.add_argument("--json", metavar="FILE", help="write the re-performance there")
    _patience(one)

    one = _command(commands, "gate", asking.gate, "ask whether a model file may go to an environment")
    one.add_argument("file", help="the model file itself")
    one.add_argument("--environment", required=True)
    one.add_argument("--key", default=os.environ.get("CADASTRE_KEY"), help="public key file (or CADASTRE_KEY)")
    one.add_argument("--json", metavar="FILE", help="write the decision there")
    one.add_argument("--attestation", metavar="FILE", help="write the verified attestation there")

    text = "verify an attestation, or the bundle of a dossier, offline"
    epilog = EPILOG + " For a bundle: 0 verified, 1 proven false, 2 could not be verified."
    one = commands.add_parser("verify", help=text, description=text, epilog=epilog, allow_abbrev=False)
    one.set_defaults(run=asking.verify)
    one.add_argument("proof_of", metavar="attestation or bundle", help="a file, or the folder of an unpacked bundle")
    one.add_argument("--artifact", metavar="FILE", help="for an attestation: the model file itself")
    one.add_argument("--environment", help="for an attestation: where the file is to go")
    one.add_argument("--nonce", help="for an attestation: the nonce of the question it must answer")
    one.add_argument("--key", default=os.environ.get("CADASTRE_KEY"), help="public key file (or CADASTRE_KEY)")
    one.add_argument("--checkpoint", metavar="FILE", help="for a bundle: a signed checkpoint that you kept")
    one.add_argument("--proof", metavar="FILE", help="for a bundle: a proof of consistency that you fetched")
    one.add_argument("--json", action="store_true", help="for a bundle: print the report as JSON")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=text, description=text, epilog=EPILOG, allow_abbrev=False)
    one.set_defaults(run=run)
    one.add_argument("--url", default=os.environ.get("CADASTRE_URL", ""), help="the service (or CADASTRE_URL)")
    one.add_argument(
        "--token-file", metavar="FILE", help="file that holds the token (or CADASTRE_TOKEN, the token itself)"
    )
    one.add_argument("--timeout", type=_seconds, default=60.0, help="seconds one call may take, tries included")
    one.add_argument("--allow-http", action="store_true", help="send the token over plain http to another machine")
    return one


def _model_and_version(one: argparse.ArgumentParser) -> None:
    one.add_argument("model", help="slug of the model")
    one.add_argument("version", help="name of the version")


def _patience(one: argparse.ArgumentParser) -> None:
    one.add_argument("--patience", type=_seconds, default=900.0, help="seconds to wait for the result in all")
    one.add_argument("--interval", type=_seconds, default=2.0, help="seconds between two looks")


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 86_400:
        raise argparse.ArgumentTypeError("must lie above 0 and be at most 86400")
    return number
