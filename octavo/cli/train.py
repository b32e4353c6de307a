"""model train · model train-topics"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.documents import Where, json_object
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.components.trained.classifier_training import HELD_OUT
from octavo.values.model import ModelVersion

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model.")]
Type = Annotated[str, typer.Option(help="Type of the documents to learn from.")]
Text = Annotated[
    str | None, typer.Option(metavar="FIELD", help="Field to read; default: every text of the body.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Documents at most.")]
Share = Annotated[float, typer.Option(min=0.05, max=0.5, help="Share that is held out and judges.")]


def train(
    context: typer.Context,
    name: Name,
    type: Type,
    text: Annotated[str, typer.Option(metavar="FIELD", help="Field to learn from.")],
    label: Annotated[str, typer.Option(metavar="FIELD", help="Field with the right answer.")],
    where: Where = None,
    limit: Limit = None,
    held_out: Share = HELD_OUT,
    features: Annotated[
        str | None, typer.Option(metavar="KIND", help="meaning, words or both; default: what is best.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Train a classifier on documents that have the right answer, and register it for validation.

    Example: [dim]octavo model train ticket-topic --type ticket --text text --label topic[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.models.train(
                name,
                type=type,
                text=text,
                label=label,
                where=None if where is None else json_object(where, "filter"),
                limit=limit,
                held_out=held_out,
                features=features,  # type: ignore[arg-type]  # refused when it is another word
            )

    made: ModelVersion = run(work)
    if as_json:
        print_json(made.as_dict())
        return
    figures = made.card.performance.validation_metrics
    _headline(made)
    console.print(
        f"accuracy [bold]{figures['accuracy']:.1%}[/] on {figures['texts']} held out "
        f"[dim](the commonest label alone: {figures['majority']:.1%})[/]  "
        f"F1 {figures['f1']:.3f}  calibration error {figures['calibration_error']:.3f}"
    )
    table = Table(
        "label", "held out", "precision", "recall", "F1", box=None, header_style="dim", pad_edge=False
    )
    for found, of_label in figures["by_label"].items():
        shares = [f"{of_label[one]:.1%}" for one in ("precision", "recall")]
        table.add_row(escape(found), str(of_label["texts"]), *shares, f"{of_label['f1']:.3f}")
    console.print(table)


def train_topics(
    context: typer.Context,
    name: Name,
    type: Type,
    text: Text = None,
    topics: Annotated[int, typer.Option(min=2, max=500, help="How many.")] = 20,
    where: Where = None,
    limit: Limit = None,
    held_out: Share = HELD_OUT,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Find topics in documents, and register the model of them for validation.

    Example: [dim]octavo model train-topics news --type article --text text --topics 20[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.models.train_topics(
                name,
                type=type,
                text=text,
                topics=topics,
                where=None if where is None else json_object(where, "filter"),
                limit=limit,
                held_out=held_out,
            )

    made: ModelVersion = run(work)
    if as_json:
        print_json(made.as_dict())
        return
    figures = made.card.performance.validation_metrics
    _headline(made)
    console.print(
        f"coherence [bold]{figures['coherence']:.3f}[/] on {figures['texts']} held out "
        f"[dim](any words: {figures['chance']:.3f})[/]"
    )
    table = Table("topic", "best words", box=None, header_style="dim", pad_edge=False)
    for number, words in enumerate(figures["words"]):
        table.add_row(str(number), escape(", ".join(words)))
    console.print(table)


def register(group: typer.Typer) -> None:
    """Add the commands to those of models."""
    group.command()(train)
    group.command("train-topics")(train_topics)


def _headline(made: ModelVersion) -> None:
    data = made.card.training_data
    console.print(
        f"[bold]{escape(made.name)}[/] v{made.version}{'' if made.changed else ' [dim]unchanged[/]'} "
        f"[dim]{made.stage} · {escape(made.card.algorithm)} · {data.sample_count} documents[/]"
    )
