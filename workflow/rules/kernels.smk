if PLAN.fetched:

    rule fetch:
        """Fetch what the cell or a task is made from, with its checksum; shown with its licence."""
        input:
            set_aside(str(PLAN.fetched.folder)),
        output:
            PLAN.fetched.receipt,
        log:
            f"{RESULTS}/logs/fetch.log",
        localrule: True
        conda:
            "../../environment.yml"
        message:
            "Fetch published files"
        script:
            "../scripts/fetch.py"


rule kernels:
    """Compile the mechanisms and every kernel, and hold the cell's against NEURON, once a machine."""
    input:
        set_aside(str(PLAN.kernels.folder)),
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
