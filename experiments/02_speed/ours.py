"""hexlab's side: one thread a core, each with its own group of boards. Started by run.py."""

import dataclasses

import numpy as np
from common import Job, draw_boards, make_params, parse_net, serve

from hexlab import mcts
from hexlab.rules import Boards
from hexlab.rules.draws import derive_seeds

_GAMES = 1000


def build(spec: dict) -> Job:
    """Return the work that a spec asks for."""
    return {"random": _play_randomly, "search": _search, "selfplay": _play_itself, "learner": _learn}[spec["work"]](spec)


def _play_randomly(spec):
    def make(lane):
        boards = Boards.empty(spec["size"], 1)
        seeds = derive_seeds(0, lane, count=_GAMES)[None, :]
        return lambda: int(boards.play_out(seeds)[1].sum())

    return Job([make(lane) for lane in range(spec["lanes"])])


def _search(spec):
    size, batch, simulations = spec["size"], spec["batch"], spec["simulations"]
    depths = []

    def make(lane):
        boards = draw_boards(size, batch, lane)
        evaluator = mcts.uniform()
        if spec["net"]:
            from hexlab import network

            evaluator = network.NetworkEvaluator(*make_params(size, spec["net"], spec["sharpness"]), batch=batch)
        tree = mcts.allocate_tree(batch, simulations + 1, size)
        seeds = derive_seeds(1, lane, count=batch)
        noise = None if spec["recipe"] == "gumbel" else mcts.RootNoise(0.25)  # gumbel draws noise of its own
        recipe = getattr(mcts, spec["recipe"])()

        def work():
            found = mcts.run_search(boards, evaluator, simulations + 1, recipe=recipe, seeds=seeds, noise=noise, tree=tree)
            units = int(found.visits.sum())  # a search that has proved its root ends early: what it did not do does not count
            if len(depths) <= lane:
                used = np.arange(simulations + 1) < tree.used[:, :1]
                depths.append(float(tree.nodes["visits"][:, 1:][used[:, 1:]].sum() / units))
            return units

        return work

    return Job([make(lane) for lane in range(spec["lanes"])], lambda: {"depth": float(np.mean(depths))})


def _config(spec, **changes):
    from hexlab.training import Config

    width, depth = parse_net(spec["net"])
    settings = {"size": spec["size"], "width": width, "depth": depth, "groups": spec["lanes"], "buffer": 10**6, "recipe": spec["recipe"]}
    if {**settings, **changes}["recipe"] == "gumbel":
        settings |= {"exploration": 1.0, "noise_fraction": 0.0}
    return Config(**{**settings, "boards": spec["batch"], **changes})


def _play_itself(spec):
    from hexlab import network
    from hexlab.training.selfplay import make_group, play_slice

    size, boards = spec["size"], spec["batch"]
    config = _config(spec, simulations=spec["simulations"] + 1, slice_moves=4)
    early = dataclasses.replace(config, simulations=1, slice_moves=2 * size * size)

    def make(lane):
        group = make_group(config, lane)
        evaluator = network.NetworkEvaluator(*make_params(size, spec["net"], spec["sharpness"]), batch=boards)
        tree = mcts.allocate_tree(boards, config.tree_capacity, size)
        play_slice(group, evaluator, early, 1, lane, tree)  # games of all lengths on the boards
        iteration = 1

        def work():
            nonlocal iteration
            iteration += 1
            play_slice(group, evaluator, config, iteration, lane, tree)
            return boards * config.slice_moves

        return work

    return Job([make(lane) for lane in range(spec["lanes"])])


def _learn(spec):
    from hexlab import network
    from hexlab.training.learner import learn, make_learner
    from hexlab.training.replay import Replay
    from hexlab.training.selfplay import make_group, play_slice

    config = _config(spec, boards=256, groups=1, batch=spec["batch"], simulations=1, recipe="puct")
    learner = make_learner(config)
    evaluator = network.NetworkEvaluator(network.Architecture(config.size, config.width, config.depth), learner.params)
    group, replay, tree = make_group(config, 0), Replay(config.size, config.buffer), mcts.allocate_tree(256, 1, config.size)
    iteration = 0
    while len(replay) < 16384:  # one-simulation policies cost the learner as much as others
        iteration += 1
        replay.append(play_slice(group, evaluator, config, iteration, 0, tree).positions)

    def work():
        learn(learner, replay, config, 1)
        return config.updates_an_iteration * config.batch

    return Job([work])


if __name__ == "__main__":
    serve(build)
