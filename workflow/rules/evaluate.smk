rule evaluate:
    """Score one fitted surrogate on the test split."""
    input:
        summary=rules.fit.output[0],
        test=SHARDS["test"],
    output:
        f"{RESULTS}/fits/{{fit}}/evaluation.json",
    log:
        f"{RESULTS}/logs/evaluate/{{fit}}.log",
    conda:
        "../../environment.yml"
    resources:
        runtime="1h",
        mem_mb=4000,
    params:
        evaluation=RUN.evaluation.model_dump(mode="json"),
        device=lambda wildcards: fit_settings(wildcards)["training"]["device"],
    message:
        "Evaluate {wildcards.fit}"
    script:
        "../scripts/evaluate.py"
