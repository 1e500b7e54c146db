rule simulate:
    """Simulate one shard of trials; trials that were finished before a kill are kept."""
    input:
        f"{RESULTS}/mechanisms.txt",
    output:
        f"{RESULTS}/data/{{split}}/shard-{{shard}}.h5",
    log:
        f"{RESULTS}/logs/simulate/{{split}}-{{shard}}.log",
    conda:
        "../../environment.yml"
    threads: simulation_threads
    resources:
        runtime="4h",
        mem_mb=4000,
    params:
        settings=simulation_settings,
    message:
        "Simulate {wildcards.split} shard {wildcards.shard}"
    script:
        "../scripts/simulate.py"
