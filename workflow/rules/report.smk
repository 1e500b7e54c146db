rule report:
    """The table of all fits, the figures, and what everything was made with."""
    input:
        set_aside(str(PLAN.table.folder)),
        needed(
            PLAN.table,
            [made.receipt for made in [*PLAN.fits.values(), *PLAN.judged.values()]]
            + [made.receipt for made in [PLAN.differences] if made]
            + SHARDS,
            *PLAN.fits.values(),
        ),
    output:
        receipt=PLAN.table.receipt,
        table=expand(
            f"{PLAN.table.folder}/{{name}}", name=("table.csv", "table.json", "summary.csv")
        ),
        page=report(
            f"{PLAN.table.folder}/table.html",
            caption="../report/table.rst",
            category="Accuracy",
            labels={"what": "Table of all fits"},
        ),
        figures=[
            report(
                f"{PLAN.table.folder}/figures/{name}.svg",
                caption=f"../report/{name.split('_')[0]}.rst",
                category=category,
                labels={"what": title},
            )
            for name, (category, title) in PLAN.figures.items()
        ],
        png=expand(f"{PLAN.table.folder}/figures/{{name}}.png", name=PLAN.figures),
        provenance=f"{PLAN.table.folder}/provenance.json",
        provenance_page=report(
            f"{PLAN.table.folder}/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"what": "What this run was made with"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/times/report.tsv"
    conda:
        "../../environment.yml"
    resources:
        runtime=hour,
        mem_mb=memory,
    params:
        recipe=PLAN.table.digest,
        floor=PLAN.floor.recipe["trials"] if PLAN.floor else 0,
        cell=PLAN.run.cell.model,
        duration_ms=PLAN.run.dataset.duration_ms,
        protocol=Protocol.of(PLAN.run.evaluation).words(),
        published=Protocol.of(PLAN.run.evaluation).rescaled,
    message:
        "Draw the figures and write the table"
    script:
        "../scripts/report.py"
