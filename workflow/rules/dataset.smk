rule dataset:
    """Verify every shard and list them all in one manifest."""
    input:
        **SHARDS,
    output:
        report(
            f"{RESULTS}/data/manifest.csv",
            caption="../report/manifest.rst",
            category="Provenance",
            labels={"what": "Every shard, with its checksum"},
        ),
    log:
        f"{RESULTS}/logs/dataset.log",
    conda:
        "../../environment.yml"
    message:
        "Verify the shards"
    script:
        "../scripts/dataset.py"


rule quality:
    """Draw what a reader checks before trusting the data."""
    input:
        **SHARDS,
    output:
        figures=report(
            [f"{RESULTS}/figures/quality.{kind}" for kind in ("svg",)],
            caption="../report/quality.rst",
            category="Data",
            labels={"what": "Quality of the data"},
        ),
        summary=f"{RESULTS}/data/quality.json",
    log:
        f"{RESULTS}/logs/quality.log",
    conda:
        "../../environment.yml"
    message:
        "Draw the quality of the data"
    script:
        "../scripts/quality.py"
