"""Imports every module of the generated package, since a walk uses only some of them."""

import importlib
import pkgutil

import recto_client

names = [module.name for module in pkgutil.walk_packages(recto_client.__path__, "recto_client.")]
for name in names:
    importlib.import_module(name)
assert len(names) > 100, names
print(f"all {len(names)} modules of the Python client can be imported")
