rule dataset:
    """Verify every shard and list every trial in one manifest."""
    input:
        **SHARDS,
    output:
        report(
            f"{RESULTS}/data/manifest.csv",
            caption="../report/manifest.rst",
            category="Provenance",
            labels={"what": "Every trial, with its shard and checksum (CSV)"},
        ),
    log:
        f"{RESULTS}/logs/dataset.log",
    conda:
        "../../environment.yml"
    params:
        shards=SHARDS,
    message:
        "Verify the shards"
    script:
        "../scripts/dataset.py"


rule quality:
    """Measure and draw what a reader checks before trusting the data."""
    input:
        **SHARDS,
    output:
        summary=f"{RESULTS}/quality/quality.json",
        table=f"{RESULTS}/quality/quality.csv",
        page=report(
            f"{RESULTS}/quality/quality.html",
            caption="../report/quality_table.rst",
            category="Data",
            labels={"what": "Rates and inputs beside the published figures"},
        ),
        png=expand(f"{RESULTS}/quality/{{name}}.png", name=("quality", "quality_trials")),
        figure=report(
            f"{RESULTS}/quality/quality.svg",
            caption="../report/quality.rst",
            category="Data",
            labels={"what": "Rates, intervals and voltages of each split"},
        ),
        trials=report(
            f"{RESULTS}/quality/quality_trials.svg",
            caption="../report/trials.rst",
            category="Data",
            labels={"what": "Some trials"},
        ),
    log:
        f"{RESULTS}/logs/quality.log",
    conda:
        "../../environment.yml"
    params:
        shards=SHARDS,
    message:
        "Draw the quality of the data"
    script:
        "../scripts/quality.py"
