rule mechanisms:
    """Compile the cell's NMODL mechanisms, once a machine."""
    input:
        MECHANISMS,
    output:
        f"{RESULTS}/mechanisms.txt",
    log:
        f"{RESULTS}/logs/mechanisms.log",
    conda:
        "../../environment.yml"
    message:
        "Compile the mechanisms"
    script:
        "../scripts/mechanisms.py"
