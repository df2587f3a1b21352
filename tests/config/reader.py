"""The reader of these tests in Python: reads, watches, validates its own keys, and fetches others'."""
import json
import sys

import grove

config = grove.Config(wait="later" not in sys.argv)
service = grove.Service()
told = []


@config.watch()
def changed(key, before, after):
    told.append([key, before, after])


@config.validate()
def allowed(changes):
    for name, key, before, after in changes:
        if key == "left" and after == 13:
            raise grove.Denied(f"{name}.{key} was {before} and must not be 13")


@service.on("python", 1)
def read(request):
    key = request.data.decode()
    return json.dumps(config.get(key)).encode()


@service.on("python", 3)
def told_so_far(request):
    return json.dumps(told).encode()


@service.on("python", 6)
def fetch(request):
    name, key = request.data.decode().split()
    return grove.config_of(name, key).encode()


service.run()
