rule mechanisms:
    """Compile the cell's NMODL mechanisms, once a machine."""
    output:
        PLAN.mechanisms.receipt,
    log:
        f"{RESULTS}/logs/mechanisms.log",
    conda:
        "../../environment.yml"
    message:
        "Compile the mechanisms"
    script:
        "../scripts/mechanisms.py"
