rule dataset:
    """Verify every shard and list every trial in one manifest."""
    input:
        set_aside(str(PLAN.manifest.folder)),
        list_of_shards(),
    output:
        receipt=PLAN.manifest.receipt,
        manifest=report(
            PLAN.manifest.folder / "manifest.csv",
            caption="../report/manifest.rst",
            category="Provenance",
            labels={"what": "Every trial, with its shard and checksum (CSV)"},
        ),
    log:
        f"{RESULTS}/logs/dataset.log",
    benchmark:
        f"{RESULTS}/times/dataset.tsv"
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        mem_mb=memory,
    params:
        recipe=PLAN.manifest.digest,
    message:
        "Verify the shards"
    script:
        "../scripts/dataset.py"


rule quality:
    """Measure and draw what a reader checks before trusting the data."""
    input:
        set_aside(str(PLAN.quality.folder)),
        needed(PLAN.quality, SHARDS),
    output:
        receipt=PLAN.quality.receipt,
        summary=f"{PLAN.quality.folder}/quality.json",
        table=f"{PLAN.quality.folder}/quality.csv",
        page=report(
            f"{PLAN.quality.folder}/quality.html",
            caption="../report/quality_table.rst",
            category="Data",
            labels={"what": "Rates and inputs beside the published figures"},
        ),
        png=expand(f"{PLAN.quality.folder}/{{name}}.png", name=("quality", "quality_trials")),
        figure=report(
            f"{PLAN.quality.folder}/quality.svg",
            caption="../report/quality.rst",
            category="Data",
            labels={"what": "Rates, intervals and voltages of each split"},
        ),
        trials=report(
            f"{PLAN.quality.folder}/quality_trials.svg",
            caption="../report/trials.rst",
            category="Data",
            labels={"what": "Some trials"},
        ),
    log:
        f"{RESULTS}/logs/quality.log",
    benchmark:
        f"{RESULTS}/times/quality.tsv"
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        mem_mb=memory,
    params:
        recipe=PLAN.quality.digest,
    message:
        "Draw the quality of the data"
    script:
        "../scripts/quality.py"
