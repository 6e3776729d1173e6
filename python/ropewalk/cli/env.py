"""`ropewalk env`: what runs here, and which settings are in effect. The first thing to put into a bug report."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig

import ropewalk
from ropewalk.cli import become
from ropewalk.cli.start import SWITCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def facts() -> dict[str, Any]:
    """Versions, places and settings. The keys are stable: programs may read them from `ropewalk env --json`."""
    return {
        "ropewalk": _ropewalk(),
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
            "build": " ".join(platform.python_build()),
            "compiler": platform.python_compiler(),
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        },
        "system": {
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "cpus_usable": len(os.sched_getaffinity(0)),
        },
        "settings": _settings(),
    }


def as_json() -> str:
    """The facts as one JSON object, for programs."""
    import json

    return json.dumps(facts(), indent=2) + "\n"


def as_text() -> str:
    """The facts for people."""
    lines = []
    for title, group in facts().items():
        lines.append(title)
        for name, value in group.items():
            if isinstance(value, dict):
                shown = value["effective"]
                origin = "not set" if value["value"] is None else f"set to {value['value']!r}"
                shown = f"{_shown(shown)}  ({origin})"
            else:
                shown = _shown(value)
            lines.append(f"  {name:<22} {shown}")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _ropewalk() -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": None,
        "package": os.path.dirname(ropewalk.__file__ or ""),
        "extension": None,
    }
    try:
        from ropewalk import _ropewalk

        found.update(version=ropewalk.__version__, extension=_ropewalk.__file__)
    except ImportError as error:
        found["extension"] = f"cannot be loaded: {error}"
    found["installed_here"] = ropewalk.installed()
    found["start_file"] = become.start_file()
    return found


def _settings() -> dict[str, dict[str, Any]]:
    """Every variable of ropewalk: its value (None: not set) and what is in effect because of it."""
    from ropewalk.doctor import lock_order

    effective: dict[str, object] = {
        SWITCH: os.environ.get(SWITCH) == "1",
        "ROPEWALK_DEADLOCK": ropewalk.deadlock,
        "ROPEWALK_LOCK_ORDER": lock_order(),
        "ROPEWALK_ORPHANS": "keep" if os.environ.get("ROPEWALK_ORPHANS") == "keep" else "end",
        "ROPEWALK_SAMPLES": "off" if os.environ.get("ROPEWALK_SAMPLES") == "off" else "on",
        "ROPEWALK_OWNER_DIED": "error" if os.environ.get("ROPEWALK_OWNER_DIED") == "error" else "warn",
        "ROPEWALK_QUEUE_ERRORS": "print" if os.environ.get("ROPEWALK_QUEUE_ERRORS") == "print" else "raise",
    }
    for name in sorted(os.environ):
        if name.startswith(SWITCH + "_"):
            effective.setdefault(name, "unknown to this version")
    return {name: {"value": os.environ.get(name), "effective": value} for name, value in effective.items()}
