rule fit:
    """Fit one surrogate; after a kill it goes on from its last checkpoint."""
    input:
        manifest=rules.dataset.output[0],
        train=SHARDS["train"],
        valid=SHARDS["valid"],
    output:
        f"{RESULTS}/fits/{{fit}}/summary.json",
    log:
        f"{RESULTS}/logs/fit/{{fit}}.log",
    conda:
        "../../environment.yml"
    threads: fit_threads
    resources:
        runtime="12h",
        mem_mb=4000,
    params:
        settings=fit_settings,
    message:
        "Fit {wildcards.fit}"
    script:
        "../scripts/fit.py"
