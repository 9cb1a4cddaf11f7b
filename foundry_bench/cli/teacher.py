"""`foundry-bench teacher`: pre-train a teacher, look at one, convert a checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from foundry_bench.errors import FoundryError

EXAMPLES = """
foundry-bench teacher check point_jepa
foundry-bench teacher check point_mae pretrain.pth
foundry-bench teacher pretrain experiments/pretrain/point_jepa_tiny.yaml --out runs/teacher
foundry-bench teacher convert --trust pointjepa.ckpt
"""

app = typer.Typer(
    help="Pre-train a teacher, look at one, convert a checkpoint.", no_args_is_help=True
)


@app.command()
def pretrain(
    file: Annotated[
        Path, typer.Argument(help="A recipe, such as experiments/pretrain/point_jepa_tiny.yaml.")
    ],
    out: Annotated[
        Path, typer.Option(help="Store of the run; called again, it goes on where it was.")
    ] = Path("runs/teacher"),
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all cores by default.")
    ] = None,
) -> None:
    """Pre-train a teacher from a recipe, with a linear probe now and then."""
    import torch

    from foundry_bench.cli.progress import stage_lines
    from foundry_bench.config.load import load_settings
    from foundry_bench.precision import is_quick, slow_line
    from foundry_bench.store import StageFailed, Store
    from foundry_bench.training.pretrain import WEIGHTS, PretrainRecipe, pretrain_stage

    recipe = load_settings(file, PretrainRecipe)
    if threads:
        torch.set_num_threads(threads)
    usable = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    chosen = usable[-1] if device == "auto" else device
    if chosen not in usable:
        raise FoundryError(f"--device: given '{device}', expected auto or {' or '.join(usable)}")
    if recipe.optimizer.precision == "bfloat16" and not is_quick(chosen):
        typer.echo(slow_line(chosen))
    try:
        entry = Store(out).get_or_run(pretrain_stage(recipe, torch.device(chosen)), stage_lines())
    except StageFailed as failure:
        typer.echo(f"foundry-bench: {failure}", err=True)
        raise typer.Exit(1) from failure
    numbers = entry.record.metrics
    typer.echo(
        f"linear probe: {numbers['probe_accuracy']:.1%} "
        f"(random weights {numbers['probe_accuracy_random_weights']:.1%})"
    )
    typer.echo(f"weights: {entry.path / WEIGHTS}")
    typer.echo(f"record:  {entry.path / 'record.json'}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A registered teacher, such as point_jepa.")],
    file: Annotated[
        Path | None,
        typer.Argument(help="Weights to check, ours or as published; by default those that ship."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Preset, or path of a preset's file; by default the one that FILE fits."),
    ] = None,
) -> None:
    """Load a teacher strictly; print its geometry, size and a checksum of its features."""
    from foundry_bench.config.settings import TeacherSettings
    from foundry_bench.teachers.fingerprint import feature_checksum
    from foundry_bench.teachers.preset import fitting_source, teacher_source

    if file is not None and preset is None:
        source = fitting_source(name, str(file))
    else:
        weights = "shipped" if file is None else str(file)
        source = teacher_source(
            TeacherSettings(name=name, preset=preset or "tiny", weights=weights)
        )
    teacher, coverage = source.covered()
    spec = teacher.patch_spec
    num_parameters = sum(parameter.numel() for parameter in teacher.parameters())
    typer.echo(f"weights     {source.weights}")
    if coverage is not None:
        typer.echo(f"coverage    100 % of {coverage.num_filled} tensors")
        ignored = ", ".join(f"{part} {num}" for part, num in coverage.ignored.items())
        typer.echo(f"ignored     {ignored or 'nothing'}")
        if coverage.reset:
            typer.echo(f"reset       {', '.join(coverage.reset)} (not finite in the file)")
    typer.echo(
        f"geometry    {spec.patches} patches of {spec.patch_size}, from {spec.points} points"
    )
    typer.echo(f"width       {teacher.width}, {num_parameters:,} parameters")
    typer.echo(f"fingerprint {source.fingerprint[:16]}")
    typer.echo(f"features    {feature_checksum(teacher)} (fixed cloud, 3 decimals)")


@app.command()
def convert(
    file: Annotated[Path, typer.Argument(help="A torch checkpoint.")],
    out: Annotated[
        Path | None, typer.Option(help="safetensors file to write; by default beside FILE.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Load FILE although it may run code of its author.")
    ] = False,
) -> None:
    """Write a checkpoint's tensors as safetensors, with the geometry and heads that it tells."""
    from safetensors.torch import save_file

    from foundry_bench.files import replacing
    from foundry_bench.teachers.checkpoint import read_checkpoint, read_trusted
    from foundry_bench.teachers.layouts import LIGHTNING_SETTINGS
    from foundry_bench.teachers.loading import refuse_settings
    from foundry_bench.teachers.notes import notes_from

    checkpoint = read_trusted(file) if trust else read_checkpoint(file)
    if any(name in checkpoint.settings for name in LIGHTNING_SETTINGS.values()):
        refuse_settings(checkpoint.settings, file)  # safetensors would not keep them
    target = out or file.with_suffix(".safetensors")
    if target.resolve() == file.resolve():
        raise FoundryError(f"{file} would be written over itself; name another file by --out")
    tensors = {name: value.clone().contiguous() for name, value in checkpoint.state.items()}
    metadata = {**checkpoint.metadata, **notes_from(checkpoint.settings)}
    with replacing(target) as temporary:
        save_file(tensors, temporary, metadata or None)
    typer.echo(f"{len(tensors)} tensors written to {target}")
    if checkpoint.left_out:
        some = ", ".join(f"{name} ({kind})" for name, kind in list(checkpoint.left_out.items())[:5])
        more = ", …" if len(checkpoint.left_out) > 5 else ""
        typer.echo(f"{len(checkpoint.left_out)} tensors left out: {some}{more}")
