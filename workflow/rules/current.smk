rule set_aside:
    """Move away what lies where a product should and is not it."""
    output:
        f"{STORE}/{DAMAGED}/{{aside}}/why.txt",
    log:
        f"{RESULTS}/logs/set_aside/{{aside}}.log",
    conda:
        "../../environment.yml"
    params:
        found=lambda wildcards: next(
            (path, why) for path, (name, why) in UNTRUSTED.items() if name == wildcards.aside
        ),
    message:
        "Set aside {params.found[0]}: {params.found[1]}"
    script:
        "../scripts/set_aside.py"


rule current:
    """Show this run's products under its name."""
    input:
        [] if PLAN.current.exists() else [*SHARDS, *RECEIPTS],
    output:
        PLAN.current,
    log:
        f"{RESULTS}/logs/current.log",
    conda:
        "../../environment.yml"
    message:
        f"Show the results in {RESULTS}"
    script:
        "../scripts/current.py"
