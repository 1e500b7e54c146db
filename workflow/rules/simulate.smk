rule simulate:
    """Simulate one shard of trials; trials that were finished before a kill are kept."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.split}/shard-{wildcards.shard}.h5"),
        kernels_for,
    output:
        f"{STORE}/{{split}}/shard-{{shard}}.h5",
    log:
        f"{RESULTS}/logs/simulate/{{split}}-{{shard}}.log",
    benchmark:
        f"{RESULTS}/times/simulate/{{split}}-{{shard}}.tsv"
    priority: DATA_PRIORITY
    conda:
        "../../environment.yml"
    threads: shard_threads
    resources:
        runtime=lambda wildcards, threads, attempt: simulation_minutes(
            trials_of(wildcards), threads, attempt
        ),
        mem_mb=memory,
    params:
        recipe=lambda wildcards: wildcards.split.rpartition("-")[2],
    message:
        "Simulate {wildcards.split} shard {wildcards.shard}"
    script:
        "../scripts/simulate.py"
