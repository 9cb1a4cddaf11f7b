"""What figures of many tasks call a backbone, and what decides how it looks."""

from dataclasses import dataclass

from foundry_bench.record import Role
from foundry_bench.report.figure_data import ANCHORS
from foundry_bench.report.summary import Group


@dataclass(frozen=True)
class Named:
    """A backbone of a figure."""

    name: str
    role: Role
    variant: str
    supertokens: int | None


def name_backbone(group: Group) -> Named:
    """An anchor by its usual name, every other group by series and level."""
    usual = ANCHORS.get(group.variant) if group.role == "anchor" else None
    return Named(usual or group.name, group.role, group.variant, group.supertokens)
