"""Scripts of an experiment as modules; they import each other by their names."""

import importlib.util
import sys


def load_script(folder, name):
    """Import a script of an experiment's folder under its bare name; whoever asks takes it out of `sys.modules` again."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
