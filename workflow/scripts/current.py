"""Link what a run shows to its products, and say which those are."""

import os
import secrets
from pathlib import Path

from plan import plan_of
from rule_log import RuleLog

from neuronio.errors import NeuronIOError
from neuronio.files import write_json
from neuronio.made import free_name

log = RuleLog(snakemake.log[0])
plan, marker = plan_of(snakemake.config), Path(snakemake.output[0])
if plan.current != marker:
    raise NeuronIOError("the code or a file changed while the run was at work; start it again")


def link(path: Path, target: Path) -> None:
    """Make `path` a link to `target`, in the place of an older one at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_symlink():
        kept = path.rename(free_name(path.parent, f"{path.name}.before"))
        log.say(f"{path} was no link; it is now {kept}")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.link")
    temporary.symlink_to(os.path.relpath(target, path.parent))
    temporary.replace(path)


for name, target in plan.links.items():
    link(plan.results / name, target)
for path in [*plan.results.glob("*"), *plan.results.glob("*/*")]:
    if path.is_symlink() and str(path.relative_to(plan.results)) not in plan.links:
        path.unlink()
write_json(marker, plan.marked())
for other in marker.parent.glob("*.json"):
    if other != marker:
        other.unlink()
log.note(f"{plan.results} shows {len(plan.products)} products")
