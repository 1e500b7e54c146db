"""Long-horizon tasks: sequences -> fits -> evaluations -> table, figures, report."""

from task_plan import FIGURES as TASK_FIGURES


wildcard_constraints:
    sequences="|".join(PLAN.sequences),


def sequences_for(products, *splits):
    """For rules of one fit: the receipts of its data, where its product is to be made."""

    def inputs(wildcards):
        name, product = next(
            (name, made) for name, made in products.items() if made.folder.name in wildcards
        )
        return needed(product, [PLAN.data[name, split].receipt for split in splits])

    return inputs


def fetched_for(wildcards):
    """What is fetched, where samples are to be made."""
    product = PLAN.data[PLAN.sequences[wildcards.sequences]]
    return needed(product, [PLAN.fetched.receipt] if PLAN.fetched else [])


def samples_memory(name, splits, wildcards, attempt):
    """MB of a job that holds all samples of some splits."""
    return memory(wildcards, attempt) + PLAN.samples_mb(name, *splits)


rule sequences:
    """Make the samples of one split of a task."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.sequences}"),
        fetched_for,
    output:
        f"{STORE}/{{sequences}}/recipe.json",
    log:
        f"{RESULTS}/logs/sequences/{{sequences}}.log",
    benchmark:
        f"{RESULTS}/times/sequences/{{sequences}}.tsv"
    priority: DATA_PRIORITY
    conda:
        "../../environment.yml"
    threads: lambda wildcards: min(workflow.cores or 1, PLAN.parts(wildcards.sequences))
    resources:
        runtime=lambda wildcards, attempt: attempt * (30 + PLAN.amount(wildcards.sequences) // 200),
        mem_mb=lambda wildcards, attempt: samples_memory(
            PLAN.sequences[wildcards.sequences][0],
            PLAN.sequences[wildcards.sequences][1:],
            wildcards,
            attempt,
        ),
    params:
        recipe=lambda wildcards: wildcards.sequences.rpartition("-")[2],
    message:
        "Make {wildcards.sequences}"
    script:
        "../scripts/sequences.py"


rule fit_task:
    """Fit one classifier; after a kill it goes on from its last checkpoint."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.fit}"),
        sequences_for(PLAN.fits, "train", "valid"),
        recursion_for,
    output:
        f"{STORE}/{{fit}}/recipe.json",
    log:
        f"{RESULTS}/logs/fit/{{fit}}.log",
    benchmark:
        f"{RESULTS}/times/fit/{{fit}}.tsv"
    priority: fit_priority
    conda:
        "../../environment.yml"
    threads: fit_threads
    resources:
        runtime=fit_minutes,
        gpu=lambda wildcards: int(fit_device(wildcards) == "cuda"),
        mem_mb=lambda wildcards, attempt: samples_memory(
            FITS[wildcards.fit], ("train", "valid"), wildcards, attempt
        ),
    params:
        recipe=lambda wildcards: wildcards.fit.rpartition("-")[2],
    message:
        "Fit {wildcards.fit}"
    script:
        "../scripts/fit_task.py"


rule evaluate_task:
    """Score one fitted classifier on the test split."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.evaluation}"),
        lambda wildcards: needed(
            PLAN.evaluations[EVALUATIONS[wildcards.evaluation]],
            [PLAN.fits[EVALUATIONS[wildcards.evaluation]].receipt],
            PLAN.fits[EVALUATIONS[wildcards.evaluation]],
        ),
        sequences_for(PLAN.evaluations, "test"),
    output:
        f"{STORE}/{{evaluation}}/evaluation.json",
        f"{STORE}/{{evaluation}}/recipe.json",
    log:
        f"{RESULTS}/logs/evaluate/{{evaluation}}.log",
    benchmark:
        f"{RESULTS}/times/evaluate/{{evaluation}}.tsv"
    priority: SCORE_PRIORITY
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        gpu=lambda wildcards: int(evaluation_device(wildcards) == "cuda"),
        mem_mb=lambda wildcards, attempt: samples_memory(
            EVALUATIONS[wildcards.evaluation], ("test",), wildcards, attempt
        ),
    params:
        recipe=lambda wildcards: wildcards.evaluation.rpartition("-")[2],
    message:
        "Evaluate {wildcards.evaluation}"
    script:
        "../scripts/evaluate_task.py"


rule report_tasks:
    """The table of all classifiers, the figures, and what everything was made with."""
    input:
        set_aside(str(PLAN.table.folder)),
        needed(
            PLAN.table,
            [made.receipt for made in [*PLAN.fits.values(), *PLAN.evaluations.values()]],
            *PLAN.fits.values(),
        ),
    output:
        receipt=PLAN.table.receipt,
        table=expand(
            f"{PLAN.table.folder}/{{name}}", name=("table.csv", "table.json", "summary.csv")
        ),
        page=report(
            f"{PLAN.table.folder}/table.html",
            caption="../report/tasks_table.rst",
            category="Accuracy",
            labels={"what": "Table of all fits"},
        ),
        figures=[
            report(
                f"{PLAN.table.folder}/figures/{name}.svg",
                caption=f"../report/tasks_{name}.rst",
                category=category,
                labels={"what": title},
            )
            for name, (category, title) in TASK_FIGURES.items()
        ],
        png=expand(f"{PLAN.table.folder}/figures/{{name}}.png", name=TASK_FIGURES),
        provenance=f"{PLAN.table.folder}/provenance.json",
        provenance_page=report(
            f"{PLAN.table.folder}/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"what": "What this run was made with"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/times/report.tsv"
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        mem_mb=memory,
    params:
        recipe=PLAN.table.digest,
    message:
        "Draw the figures and write the table"
    script:
        "../scripts/report_tasks.py"
