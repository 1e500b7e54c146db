rule ablation:
    """Compare every fit that has a label with the one without, on the same test trials."""
    input:
        lambda wildcards: set_aside(f"{STORE}/{wildcards.differences}"),
        needed(
            PLAN.differences,
            [
                *(made.receipt for made in [*PLAN.fits.values(), *PLAN.evaluations.values()]),
                *PLAN.shards["test"],
            ],
            *PLAN.fits.values(),
        ),
    output:
        f"{STORE}/{{differences}}/differences.json",
        f"{STORE}/{{differences}}/recipe.json",
    log:
        f"{RESULTS}/logs/{{differences}}.log",
    conda:
        "../../environment.yml"
    resources:
        runtime=lambda wildcards, attempt: 120 * attempt,
        mem_mb=lambda wildcards, attempt: 2 * memory(wildcards, attempt),
    params:
        recipe=lambda wildcards: wildcards.differences.rpartition("-")[2],
    message:
        "Compare fits with a label with those without"
    script:
        "../scripts/ablation.py"
