if PLAN.fetched:

    rule fetch:
        """Fetch what the cell is made from, with its checksum; shown with its licence."""
        output:
            PLAN.fetched.receipt,
        log:
            f"{RESULTS}/logs/fetch.log",
        localrule: True
        conda:
            "../../environment.yml"
        message:
            "Fetch the files of the cell"
        script:
            "../scripts/fetch.py"


rule kernels:
    """Compile the mechanisms and every kernel, and hold the cell's against NEURON, once a machine."""
    input:
        needed(PLAN.fetched, [PLAN.fetched.receipt] if PLAN.fetched else []),
    output:
        PLAN.kernels.receipt,
    log:
        f"{RESULTS}/logs/kernels.log",
    benchmark:
        f"{RESULTS}/times/kernels.tsv"
    localrule: True
    conda:
        "../../environment.yml"
    message:
        "Compile the mechanisms and kernels"
    script:
        "../scripts/kernels.py"
