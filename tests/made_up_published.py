"""Small made-up files in the layouts that the tasks of the Long Range Arena are published in."""

import pickle

import numpy as np
from PIL import Image

from neuronio.data.lra_files import CIFAR_BATCHES


def listops(folder):
    rows = {
        "basic_train.tsv": ["( ( ( [MAX 4 ) 3 ) ] )\t4", "( ( ( [SM 9 ) ( ( [MIN 2 ) X ) ) X )\t1"],
        "basic_val.tsv": ["[MED 1 5 ]\t3"],
        "basic_test.tsv": ["[MIN 1 5 ]\t1"],
    }
    folder.mkdir()
    for name, lines in rows.items():
        (folder / name).write_text("\n".join(["Source\tTarget", *lines, ""]))
    return folder


def text(folder, each=20):
    """So many reviews of each class in either file."""
    for split in ("train", "test"):
        for name in ("neg", "pos"):
            of = folder / "aclImdb" / split / name
            of.mkdir(parents=True)
            for i in range(each):
                said = "é " * 3000 if (split, i) == ("test", 0) else f"{split} {name} {i}"
                (of / f"{i}_7.txt").write_text(said, encoding="utf-8")
    return folder


def retrieval(folder, each=1):
    """So many pairs of each class in every file."""
    folder.mkdir()
    line = '1\tP1\tP2\tb"first"\t"a ""quoted"" one"\n0.0\tP3\tP4\t\tb\n'
    for split in ("train", "eval", "test"):
        (folder / f"new_aan_pairs.{split}.tsv").write_text(each * line)
    return folder


def image(folder):
    root = folder / "cifar-10-batches-py"
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in (*CIFAR_BATCHES, "test_batch"):
        n = 2000 if name in CIFAR_BATCHES else 3
        data = rng.integers(0, 256, (n, 3072)).astype(np.uint8)
        data[0] = np.repeat([255, 0, 0], 1024)
        batch = {"batch_label": name, "labels": list(rng.integers(0, 10, n).tolist()), "data": data}
        (root / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def images(window):
    def make(folder):
        root = folder / f"pathfinder{window}" / "curv_contour_length_14"
        (root / "metadata").mkdir(parents=True)
        rng = np.random.default_rng(0)
        for batch in (0, 10, 2):
            (root / "imgs" / str(batch)).mkdir(parents=True)
            lines = []
            for i in range(10):
                pixels = np.zeros((window, window), np.uint8)
                pixels[1, 2], pixels[3, 4] = batch + 1, rng.integers(1, 256)
                Image.fromarray(pixels).save(root / "imgs" / str(batch) / f"sample_{i}.png")
                lines.append(f"imgs/{batch} sample_{i}.png {i} {i % 2} 1.0 14 4 2 0.5 1 2")
            (root / "metadata" / f"{batch}.npy").write_text("\n".join([*lines, ""]))
        return folder

    return make


MAKERS = {
    "listops": listops,
    "text": text,
    "retrieval": retrieval,
    "image": image,
    "pathfinder": images(32),
    "pathx": images(128),
}
