"""What the kernel says about memory."""

from __future__ import annotations

from pathlib import Path

__all__ = ["deaths_by_memory"]


def deaths_by_memory() -> int:
    """How many processes of this container or session the kernel has killed for want of memory."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            files = [f"/sys/fs/cgroup{path}/memory.events", "/sys/fs/cgroup/memory.events"]
        elif "memory" in controllers.split(","):
            files = [
                f"/sys/fs/cgroup/memory{path}/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
            ]
        else:
            continue
        for file in files:
            try:
                events = dict(entry.split(maxsplit=1) for entry in Path(file).read_text().splitlines())
                return int(events["oom_kill"])
            except (OSError, KeyError, ValueError):
                continue
    return 0
