import numpy as np
import pytest

from imaging.volume import Volume
from models.inputs import InputContract, PreparedHead, equalise, prepare
from models.multiplanar import CONTEXT, EDGES, GROWN, candidate_boxes, follow_scout, refine

CONTRACT = InputContract(multiplanar=True)


class Marked:
    """Says that voxels of one grey value are lesion with one probability, and others with another;
    notes the shapes it sees.
    """

    def __init__(self, level, probability, otherwise=0.0):
        self.level, self.probability, self.otherwise = level, probability, otherwise
        self.shapes = []

    def __call__(self, batch):
        self.shapes.append(batch.shape)
        told = np.isclose(batch[..., 1], self.level)
        lesion = np.where(told, self.probability, self.otherwise).astype(np.float32)
        return np.stack([lesion, np.ones_like(lesion)], axis=-1)


def head(shape=(40, 90, 70), seed=0):
    """A head in which every voxel has its own grey value, so that answers show what was asked."""
    voxels = np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape)
    normal = voxels.astype(np.float32)
    grid = prepare(Volume(np.ones((2, 2, 2), np.float32), np.eye(4)), CONTRACT).grid
    return PreparedHead(normal, equalise(normal, CONTRACT), (0, 0, 0), grid)


def spots(shape, *boxes, probability=0.9):
    found = np.zeros(shape, dtype=np.float32)
    for box in boxes:
        found[box] = probability
    return found


SPOT = np.s_[18:22, 40:45, 30:36]


def test_refinement_boxes_hold_components_and_a_little_more():
    at = candidate_boxes(spots((40, 90, 70), SPOT))
    assert at == [tuple(slice(s.start - GROWN, s.stop + GROWN) for s in SPOT)]


def test_refinement_boxes_end_where_the_head_ends():
    assert candidate_boxes(spots((40, 90, 70), np.s_[0:4, 86:90, 0:4])) == [
        np.s_[0 : 4 + GROWN, 86 - GROWN : 90, 0 : 4 + GROWN]
    ]


@pytest.mark.parametrize(
    "nothing",
    [
        spots((40, 90, 70), SPOT, probability=0.25),  # reaches no peak
        spots((40, 90, 70), np.s_[18:20, 40:42, 30:31]),  # four voxels
        np.zeros((40, 90, 70), dtype=np.float32),
    ],
)
def test_components_that_no_rule_would_keep_have_no_box(nothing):
    assert candidate_boxes(nothing) == []
    network, own = Marked(1.0, 1.0), nothing.copy()
    refine([network], head(), CONTRACT, [own])
    assert network.shapes == []
    assert np.array_equal(own, nothing)


@pytest.mark.parametrize("voxel", [(18, 40, 30), (20, 42, 33), (21, 44, 35)])
def test_coronal_and_sagittal_slices_are_those_of_the_voxel_itself(voxel):
    scan = head()
    own = spots(scan.normalised.shape, SPOT, probability=0.6)
    refine([Marked(scan.normalised[voxel], 0.9)], scan, CONTRACT, [own])
    expected = np.zeros_like(own)
    expected[SPOT] = 0.2  # 0.6 and twice nothing
    expected[voxel] = 0.8  # (0.6 + 0.9 + 0.9) / 3
    assert np.allclose(own, expected, atol=1e-6)


def test_refinement_changes_nothing_outside_the_boxes():
    scan = head()
    own = spots(scan.normalised.shape, SPOT)
    own[5, 5, 5] = 0.15
    refine([Marked(-1.0, 1.0, otherwise=1.0)], scan, CONTRACT, [own])
    (box,) = candidate_boxes(spots(scan.normalised.shape, SPOT))
    changed = np.zeros(own.shape, dtype=bool)
    changed[box] = True
    assert own[box].min() == pytest.approx(2 / 3)
    assert own[5, 5, 5] == np.float32(0.15)
    assert not own[~changed & (own != np.float32(0.15))].any()


def test_refined_candidates_are_those_of_the_mean_and_every_network_is_asked():
    scan = head()
    sure, blind = (spots(scan.normalised.shape, SPOT, probability=p) for p in (0.9, 0.0))
    maps = [sure.copy(), blind.copy()]
    networks = [Marked(-1.0, 0.0), Marked(-1.0, 0.0, otherwise=0.6)]
    refine(networks, scan, CONTRACT, maps)
    assert maps[0][SPOT] == pytest.approx(0.3)
    assert maps[1][SPOT] == pytest.approx(0.4)


def test_squares_around_candidates_come_in_few_sizes_with_surroundings():
    scan = head((60, 210, 200))
    large = np.s_[10:50, 20:180, 30:160]
    own = spots(scan.normalised.shape, np.s_[2:6, 195:201, 180:186], large)
    network = Marked(-1.0, 0.0)
    refine([network], scan, CONTRACT, [own])
    edges = {shape[1] for shape in network.shapes}
    assert all(shape == (8, shape[1], shape[1], 4) for shape in network.shapes)
    assert min(edges) == EDGES[0] >= 6 + 2 * GROWN + 2 * CONTEXT
    assert max(edges) >= 160 + 2 * GROWN + 2 * CONTEXT


def test_progress_of_refinement_rises_to_1():
    scan, heard = head(), []
    own = spots(scan.normalised.shape, SPOT)
    refine([Marked(-1, 0)] * 2, scan, CONTRACT, [own, own], progress=heard.append)
    assert heard == [0.25, 0.5, 0.75, 1.0]


def test_another_network_follows_a_scout_into_the_boxes_alone():
    scan = head()
    found = spots(scan.normalised.shape, SPOT, probability=0.3)
    found[5, 5, 5] = 0.15  # one voxel is not a candidate: the scout's answer counts
    other = Marked(scan.normalised[20, 42, 33], 0.8, otherwise=0.1)
    follow_scout(other, scan, InputContract(), found)
    expected = np.zeros_like(found)
    expected[5, 5, 5] = 0.15
    expected[15:25, 37:48, 27:39] = 0.1  # the spot and three voxels more to each side
    expected[20, 42, 33] = 0.8
    assert np.allclose(found, expected)
    # Ten slices in squares of 64 are two batches.
    assert other.shapes == [(8, 64, 64, 4)] * 2


def test_no_network_follows_a_scout_that_sees_nothing():
    scan, other = head(), Marked(1.0, 1.0)
    nothing = np.zeros(scan.normalised.shape, dtype=np.float32)
    follow_scout(other, scan, InputContract(), nothing)
    assert other.shapes == []


@pytest.mark.parametrize(
    ("probability", "box", "looked_at"),
    [
        (0.12, np.s_[18:19, 40:43, 30:31], True),  # three voxels of little more than a tenth
        (0.12, np.s_[18:19, 40:42, 30:31], False),  # two
        (0.08, SPOT, False),  # reaches no tenth
    ],
)
def test_a_scout_is_believed_to_see_nothing_only_where_it_says_nearly_nothing(
    probability, box, looked_at
):
    found = spots((40, 90, 70), box, probability=probability)
    assert bool(candidate_boxes(found, scouted=True)) is looked_at
    assert candidate_boxes(found) == []
