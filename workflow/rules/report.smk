FIGURES = ("accuracy", "prediction", "learning")


rule report:
    """The table of all fits, the figures, and what everything was made with."""
    input:
        evaluations=expand(rules.evaluate.output, fit=FITS),
        test=SHARDS["test"],
    output:
        table=[f"{RESULTS}/table.csv", f"{RESULTS}/table.json"],
        page=report(
            f"{RESULTS}/table.html",
            caption="../report/table.rst",
            category="Accuracy",
            labels={"what": "Table of all fits"},
        ),
        accuracy=report(
            [f"{RESULTS}/figures/accuracy.svg"],
            caption="../report/accuracy.rst",
            category="Accuracy",
            labels={"what": "Accuracy against parameters"},
        ),
        prediction=report(
            [f"{RESULTS}/figures/prediction.svg"],
            caption="../report/prediction.rst",
            category="Accuracy",
            labels={"what": "One test trial and its prediction"},
        ),
        learning=report(
            [f"{RESULTS}/figures/learning.svg"],
            caption="../report/learning.rst",
            category="Training",
            labels={"what": "Learning curves"},
        ),
        png=expand(f"{RESULTS}/figures/{{name}}.png", name=FIGURES),
        provenance=f"{RESULTS}/provenance.json",
        provenance_page=report(
            f"{RESULTS}/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"what": "What this run was made with"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../environment.yml"
    params:
        config=RUN.model_dump(mode="json"),
        shards={split: paths[0] for split, paths in SHARDS.items()},
        cell=RUN.cell.model,
        duration_ms=RUN.dataset.duration_ms,
        protocol=Protocol.of(RUN.evaluation).words(),
        published=Protocol.of(RUN.evaluation).rescaled,
    message:
        "Draw the figures and write the table"
    script:
        "../scripts/report.py"
