rule fit:
    """Fit one surrogate; after a kill it goes on from its last checkpoint."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.fit}"),
        shards_for(PLAN.fits, "train", "valid"),
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
        mem_mb=fit_memory,
    params:
        recipe=lambda wildcards: wildcards.fit.rpartition("-")[2],
    message:
        "Fit {wildcards.fit}"
    script:
        "../scripts/fit.py"
