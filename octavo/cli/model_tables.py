"""How models look on a terminal: a list of them, one of them, two compared, and what their health checks told."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from octavo.cli.render import bytes_of, moment
from octavo.values.comparison import Comparison, Judged
from octavo.values.model import Deployment, Health, ModelVersion

_COLOURS = {
    "training": "yellow",
    "validation": "cyan",
    "deployed": "green",
    "deprecated": "dim",
    "failed": "red",
}
_FIGURES = ("accuracy", "precision", "recall", "f1_score")


def stage_of(model: ModelVersion) -> str:
    """The stage in its colour."""
    return f"[{_COLOURS[model.stage]}]{model.stage}[/]"


def models(found: Sequence[ModelVersion]) -> Table:
    """A line a version, and one more for where it serves."""
    table = _table("model", "for", "stage", "accuracy", "F1", "made")
    for one in found:
        figures = one.card.performance
        where = f"\n[dim]in {escape(', '.join(one.environments))}[/]" if one.environments else ""
        table.add_row(
            f"{escape(one.name)} v{one.version}",
            one.type,
            f"{stage_of(one)}{where}",
            _share(figures.accuracy),
            _share(figures.f1_score),
            moment(one.created_at),
        )
    return table


def shown(model: ModelVersion, moves: Sequence[Deployment]) -> RenderableType:
    """One version: what it is, how good, its files, and which version served where."""
    card = model.card
    title = escape(card.display_name or model.name)
    lines: list[RenderableType] = [
        f"[bold]{title}[/] v{model.version} {stage_of(model)} [dim]{model.type} · {model.id}[/]"
    ]
    if card.description:
        lines.append(escape(card.description))
    lines.append(Padding(_facts(model), (1, 0, 0, 0)))
    if model.artifacts:
        lines.append(Padding(_files(model), (1, 0, 0, 0)))
    if moves:
        lines.append(Padding(history(moves), (1, 0, 0, 0)))
    return Lines(*lines)


def _facts(model: ModelVersion) -> Table:
    card = model.card
    table = _table("", "")
    table.show_header = False
    for name, value in (
        ("serves in", ", ".join(model.environments)),
        ("algorithm", " · ".join(text for text in (card.algorithm, card.framework) if text)),
        ("trained on", _trained_on(model)),
        *((figure.replace("_score", ""), _share(getattr(card.performance, figure))) for figure in _FIGURES),
        ("made", f"{moment(model.created_at)} by {model.created_by}"),
        ("deployed", moment(model.deployed_at) if model.deployed_at else ""),
        ("deprecated", moment(model.deprecated_at) if model.deprecated_at else ""),
        ("endpoint", card.deployment.endpoint_url or ""),
    ):
        if value:
            table.add_row(f"[dim]{name}[/]", escape(value))
    return table


def _files(model: ModelVersion) -> Table:
    table = _table("artifact", "size", "SHA-256")
    for one in model.artifacts:
        table.add_row(escape(one.name), bytes_of(one.bytes), f"{one.sha256[:16]}…")
    return table


def history(moves: Sequence[Deployment]) -> Table:
    """The moves of a model's environments, a line each."""
    table = _table("when", "environment", "version", "before", "by")
    for move in moves:
        version = "withdrawn" if move.version is None else f"v{move.version}"
        before = "" if move.previous is None else f"v{move.previous}"
        by = escape(str(move.moved_by))
        table.add_row(moment(move.moved_at), escape(move.environment), version, before, by)
    return table


def _trained_on(model: ModelVersion) -> str:
    data = model.card.training_data
    count = None if data.sample_count is None else f"{data.sample_count:,} samples"
    return " of ".join(text for text in (count, data.dataset_id) if text)


def compared(found: Comparison) -> RenderableType:
    """How often two versions agree, which one is right more often, and where they differ."""
    agreement = _share(found.agreement) or "–"
    lines: list[RenderableType] = [
        f"[bold]{escape(found.model)}[/] v{found.before} and v{found.after}: "
        f"{found.documents:,} documents, {agreement} agree"
    ]
    if found.judged_before and found.judged_after:
        lines.append(Padding(_judged(found.judged_before, found.judged_after, found), (1, 0, 0, 0)))
    changes = _table(f"v{found.before}", f"v{found.after}", "documents")
    for pair in found.pairs:
        if not pair.agrees:
            changes.add_row(escape(pair.before or "–"), escape(pair.after or "–"), f"{pair.documents:,}")
    if changes.row_count:
        lines.append(Padding(changes, (1, 0, 0, 0)))
    if found.changed:
        told = _table("document", f"v{found.before}", "", f"v{found.after}", "")
        for one in found.changed:
            told.add_row(
                str(one.document_id),
                escape(one.before or "–"),
                _share(one.score_before),
                escape(one.after or "–"),
                _share(one.score_after),
            )
        lines.append(Padding(told, (1, 0, 0, 0)))
    return Lines(*lines)


def _judged(before: Judged, after: Judged, found: Comparison) -> Table:
    table = _table("", "documents", f"v{found.before} F1", f"v{found.after} F1")
    table.add_row(
        "[bold]accuracy[/]", f"{before.documents:,}", _share(before.accuracy), _share(after.accuracy)
    )
    later = {one.label: one for one in after.labels}
    for one in before.labels:
        table.add_row(
            escape(one.label), f"{one.documents:,}", _share(one.f1_score), _share(later[one.label].f1_score)
        )
    return table


def checked(found: Sequence[Health]) -> RenderableType:
    """A line a health check."""
    if not found:
        return "[dim]no model that serves has a health_check_url[/]"
    table = _table("", "model", "environment", "told", "URL")
    for one in found:
        mark = "[green]✓[/]" if one.is_healthy else "[red]✗[/]"
        table.add_row(
            mark,
            f"{escape(one.model)} v{one.version}",
            escape(one.environment),
            escape(one.told),
            f"[dim]{escape(one.url)}[/]",
        )
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", pad_edge=False)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
