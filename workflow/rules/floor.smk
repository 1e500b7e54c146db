rule floor:
    """Integrate the first test trials again with half the time step."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.floor}"),
        needed(PLAN.floor, [PLAN.kernels.receipt, *PLAN.floor_test_shards]),
    output:
        f"{STORE}/{{floor}}/shard-000.h5",
        f"{STORE}/{{floor}}/recipe.json",
    log:
        f"{RESULTS}/logs/{{floor}}.log",
    benchmark:
        f"{RESULTS}/times/floor/{{floor}}.tsv"
    priority: DATA_PRIORITY
    conda:
        "../../environment.yml"
    threads: simulation_threads
    resources:
        runtime=lambda wildcards, threads, attempt: simulation_minutes(
            2 * PLAN.floor.recipe["trials"], threads, attempt
        ),
        mem_mb=memory,
    params:
        recipe=lambda wildcards: wildcards.floor.rpartition("-")[2],
    message:
        "Integrate test trials again"
    script:
        "../scripts/floor.py"


rule score_floor:
    """Score the second integration as if it were a surrogate."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.floor_evaluation}"),
        needed(
            PLAN.floor_evaluation,
            [PLAN.floor.receipt, *PLAN.floor_test_shards] if PLAN.floor else [],
        ),
    output:
        f"{STORE}/{{floor_evaluation}}/evaluation.json",
        f"{STORE}/{{floor_evaluation}}/recipe.json",
    log:
        f"{RESULTS}/logs/evaluate/{{floor_evaluation}}.log",
    benchmark:
        f"{RESULTS}/times/evaluate/{{floor_evaluation}}.tsv"
    priority: SCORE_PRIORITY
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        mem_mb=memory,
    params:
        recipe=lambda wildcards: wildcards.floor_evaluation.rpartition("-")[2],
    message:
        "Score the integrator's noise floor"
    script:
        "../scripts/score_floor.py"
