"""The parts of `bench/run`: each module measures one thing, `measure(folder)`, and gives {who: {figure: value}}."""
