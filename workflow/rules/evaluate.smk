rule evaluate:
    """Score one fitted surrogate on the test split."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.evaluation}"),
        lambda wildcards: needed(
            PLAN.evaluations[EVALUATIONS[wildcards.evaluation]],
            [PLAN.fits[EVALUATIONS[wildcards.evaluation]].receipt],
            PLAN.fits[EVALUATIONS[wildcards.evaluation]],
        ),
        shards_for(PLAN.evaluations, "test"),
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
        mem_mb=memory,
    params:
        recipe=lambda wildcards: wildcards.evaluation.rpartition("-")[2],
    message:
        "Evaluate {wildcards.evaluation}"
    script:
        "../scripts/evaluate.py"
