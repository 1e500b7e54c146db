"""Images against the geometry that they say they were drawn from."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neuronio.data.pathfinder import FINE, PATHFINDER, PATHX, paint
from neuronio.data.pathfinder.sets import pathfinder_part, pathfinder_scores
from neuronio.errors import NeuronIOError

N = 60


def painted(settings, n=N, seed=0):
    seeds = np.random.default_rng(seed).integers(0, 2**63, n).astype(np.uint64)
    return paint(settings, seeds, np.arange(n) % 2)


@pytest.fixture(scope="module", params=[PATHFINDER, PATHX], ids=["pathfinder", "pathx"])
def drawn(request):
    """Settings and images with their geometry."""
    return request.param, painted(request.param)


def contours(images, i):
    """Paddles of the two contours and of each distractor: (p, 2, 2), tail and head, (x, y)."""
    of = images.paddle[i]
    return [of[of[:, 0] == k, 1:].reshape(-1, 2, 2) for k in range(of[:, 0].max() + 1)]


def test_contours_have_their_paddles_and_distractors_theirs_or_are_left_out(drawn):
    settings, images = drawn
    for i in range(N):
        first, second, *others = contours(images, i)
        assert len(first) == len(second) == settings.paddles == 14
        assert {len(other) for other in others} <= {settings.distractor_paddles}
        assert len(others) <= settings.distractors
    placed = [len(contours(images, i)) - 2 for i in range(N)]
    assert np.mean(placed) > settings.distractors - 1.5


def test_paddles_are_as_long_as_they_should_be(drawn):
    settings, images = drawn
    for paddles in contours(images, 0):
        long = np.hypot(*(paddles[:, 1] - paddles[:, 0]).T)
        assert np.abs(long - FINE * settings.length).max() <= 1


def test_a_contour_goes_on_where_it_was(drawn):
    settings, images = drawn
    for i in range(N):
        for paddles in contours(images, i):
            gap = np.hypot(*(paddles[1:, 0] - paddles[:-1, 1]).T) / FINE
            assert np.abs(gap - 2 * images.margin[i]).max() <= 2  # whole pixels, three times
            along = paddles[:, 1] - paddles[:, 0]
            angle = np.arctan2(along[:, 1], along[:, 0])
            turn = np.abs((np.diff(angle) + np.pi) % (2 * np.pi) - np.pi)
            slack = 1.5 / (FINE * settings.length)
            assert (settings.continuity * (turn - 2 * slack) <= np.pi / 2).all()


def test_markers_are_at_the_ends_that_the_label_says(drawn):
    _, images = drawn
    for i in range(N):
        pair = contours(images, i)[:2]
        begins = [np.abs(p[0, 0] / FINE - images.marker[i, 0]).max() <= 0.5 for p in pair]
        ends = [np.array_equal(p[-1, 1] // FINE, images.marker[i, 1]) for p in pair]
        assert sum(begins) == 1
        assert ends[begins.index(images.label[i] == 1)]


def test_contours_begin_in_the_middle_at_the_seed_distance(drawn):
    settings, images = drawn
    begins = np.array([[p[0, 0] / FINE for p in contours(images, i)[:2]] for i in range(N)])
    apart = np.hypot(*(begins[:, 1] - begins[:, 0]).T)
    assert np.abs(apart - settings.seed_distance).max() <= 2
    edge = 2 * settings.seed_distance - 1
    assert begins[:, 0].min() >= edge
    assert begins[:, 0].max() <= settings.window - edge


def rounded(values):
    return (np.sign(values) * np.floor(np.abs(values) + 0.5)).astype(int)


def disc(radius):
    reach = np.arange(-int(radius), int(radius) + 1)
    return [(x, y) for x in reach for y in reach if np.hypot(x, y) <= radius]


def reduced(fine, side):
    return np.clip(np.asarray(Image.fromarray(fine).resize((side, side), Image.LANCZOS)), 0, 1)


def stamp(canvas, stencil, x, y, contrast):
    reach = len(stencil) // 2
    padded = np.pad(canvas, reach)
    part = padded[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
    np.maximum(part, contrast * stencil, out=part)
    canvas[:] = padded[reach:-reach, reach:-reach]


def stencil(settings, margin, ends, broad):
    """A paddle around its head, or all that is within the margin of it."""
    tail, head = np.array(ends).reshape(2, 2)
    reach = settings.length + margin + int(np.ceil(settings.thickness))
    fine = np.zeros((4 * reach + 1, 4 * reach + 1), np.float32)
    steps = np.abs(tail - head).max()
    line = rounded(np.outer(np.arange(steps + 1) / steps, tail - head)) + 2 * reach
    for dx, dy in disc((FINE * settings.thickness - 1) / 2):
        fine[line[:, 1] + dy, line[:, 0] + dx] = 1
    if broad:
        y, x = np.nonzero(fine)
        for dx, dy in disc(FINE * margin):
            fine[np.clip(y + dy, 0, 4 * reach), np.clip(x + dx, 0, 4 * reach)] = 1
    return reduced(fine, 2 * reach + 1)


def redrawn(settings, images, i):
    """An image drawn again with Pillow from its geometry."""
    canvas = np.zeros((settings.window, settings.window), np.float32)
    for contour, *ends in images.paddle[i]:
        if contour >= 0:
            contrast = settings.contour_contrast if contour < 2 else settings.distractor_contrast
            drawn = stencil(settings, images.margin[i], ends, False)
            stamp(canvas, drawn, ends[2] // FINE, ends[3] // FINE, contrast)
    reach = int(np.ceil(settings.marker_radius)) + 3
    fine = np.zeros((FINE * (2 * reach + 1),) * 2, np.float32)
    for dx, dy in disc(FINE * settings.marker_radius):
        fine[FINE * reach + dy, FINE * reach + dx] = 1
    for x, y in images.marker[i]:
        stamp(canvas, reduced(fine, 2 * reach + 1), x, y, settings.marker_contrast)
    return 255 * canvas / canvas.max()


def test_images_are_what_pillow_draws_from_the_same_geometry(drawn):
    settings, images = drawn
    for i in range(12):
        assert np.abs(redrawn(settings, images, i) - images.pixels[i]).max() <= 1


def test_no_paddle_was_drawn_where_another_was(drawn):
    """By the published rule: masks of 0 to 1 that sum to 1.8 are too much. A contour's newest
    paddle is in nobody's way until its next one is drawn, so that those of about one number may
    cross."""
    settings, images = drawn
    for i in range(8):
        masks, number = [], []
        for k, paddles in enumerate(contours(images, i)):
            for n, ends in enumerate(paddles):
                canvas = np.zeros((settings.window, settings.window), np.float32)
                mask = stencil(settings, images.margin[i], ends, True)
                stamp(canvas, mask, *(ends[1] // FINE), 1)
                masks.append(canvas.ravel())
                number.append((k, n))
        for a, (k, n) in enumerate(number):
            for b, (other, m) in enumerate(number[:a]):
                newest = abs(n - m) <= 1 and (k == other or max(k, other) < 2)
                assert newest or (masks[a] + masks[b]).max() < 1.8 + 1e-4


def test_paddles_of_half_a_pixel_peak_at_0_44_of_their_contrast():
    """The fact sheet's figure, which makes contours .66 and distractors .89 of a marker. Here two
    single paddles are drawn in all directions, of which the one without markers is looked at."""
    n = 400
    lone = replace(PATHFINDER, paddles=1, distractors=0, contour_contrast=1.0)
    images = paint(lone, np.arange(n, dtype=np.uint64), np.ones(n))
    found = []
    for i in range(n):
        pair = contours(images, i)[:2]
        away = [np.abs(p[0, 0] / FINE - images.marker[i, 0]).max() > 2 for p in pair]
        x, y = pair[away.index(True)][0, 1] // FINE
        found.append(images.pixels[i, y - 2 : y + 3, x - 2 : x + 3].max() / images.pixels[i].max())
    assert np.median(found) == pytest.approx(0.44, abs=0.01)


def brightness(images, which):
    """Median of the brightest pixel on each paddle, as a share of the first marker's middle."""
    found = []
    for i in range(len(images.label)):
        x0, y0 = images.marker[i, 0]
        for paddles in (p for k, p in enumerate(contours(images, i)) if which(k)):
            middles = paddles.mean(axis=1) / FINE
            apart = np.hypot(*np.moveaxis(images.marker[i] - middles[:, None], -1, 0)).min(axis=1)
            for x, y in rounded(middles[apart > 6]):
                near = images.pixels[i, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                found.append(near.max() / images.pixels[i, y0, x0])
    return np.median(found)


def test_contours_distractors_and_markers_are_as_bright_as_published():
    """Of their contrasts, .44 and a little more: paddles begin and end at whole pixels, so that
    they have few directions."""
    images = painted(PATHFINDER)
    assert brightness(images, lambda k: k < 2) == pytest.approx(0.66, abs=0.05)
    assert brightness(images, lambda k: k > 1) == pytest.approx(0.89, abs=0.05)
    assert brightness(painted(PATHX, 20), lambda k: True) == pytest.approx(0.9, abs=0.01)


def test_the_same_seed_gives_the_same_image_alone_or_among_others(drawn):
    settings, images = drawn
    again = painted(settings)
    np.testing.assert_array_equal(again.pixels, images.pixels)
    seeds = np.random.default_rng(0).integers(0, 2**63, N).astype(np.uint64)
    alone = paint(settings, seeds[5:6], images.label[5:6])
    np.testing.assert_array_equal(alone.pixels[0], images.pixels[5])
    assert len({image.tobytes() for image in images.pixels}) == N


def test_both_margins_of_path_x_are_drawn():
    margins = painted(PATHX).margin
    assert set(margins) == {2, 3}
    assert abs((margins == 2).mean() - 0.5) < 4 * 0.5 / np.sqrt(N)


def test_settings_that_leave_no_room_are_refused():
    with pytest.raises(NeuronIOError, match="smaller seed_distance"):
        replace(PATHFINDER, window=28)
    with pytest.raises(NeuronIOError, match="at most two"):
        replace(PATHFINDER, margins=(1, 2, 3))
    with pytest.raises(NeuronIOError, match="1 or more"):
        replace(PATHFINDER, length=0)


def test_labels_are_balanced_and_cannot_be_foretold():
    part = pathfinder_part(PATHFINDER, 0, "train", range(400))
    label = part.arrays["label"]
    assert (label.reshape(-1, 2).sum(axis=1) == 1).all()
    assert abs(label[::2].mean() - 0.5) < 4 * 0.5 / np.sqrt(200)
    shorter = pathfinder_part(PATHFINDER, 0, "train", range(11, 14))
    np.testing.assert_array_equal(shorter.arrays["label"], label[11:14])


def test_the_distance_of_markers_tells_what_it_tells():
    label = np.tile([0, 1], 200)
    told = pathfinder_scores(label, {"marker_distance": 0.3 + 0.3 * label})
    assert told == {"distance of the markers": 1.0}
    nothing = pathfinder_scores(label, {"marker_distance": np.full(400, 0.3)})
    assert nothing == {"distance of the markers": 0.5}
