"""Values in the store: the last one that was acknowledged for a key is there, or a later one that nobody answered for."""
import chaos_load

NAMESPACE = "basic.chaos"
KEYS = 8


class Load(chaos_load.Load):
    def __init__(self, system):
        super().__init__(system)
        self.number = 0
        self.allowed = {}  # key: values that it may have, the acknowledged one first

    def step(self):
        self.number += 1
        key, value = f"key{self.number % KEYS}", str(self.number)
        self.allowed.setdefault(key, [None]).append(value)
        self.ask("store", "set", NAMESPACE, key, value)
        self.allowed[key] = [value]

    def value_of(self, key):
        try:
            return self.ask("store", "get", NAMESPACE, key)
        except chaos_load.Unanswered as problem:
            if "has no key" in str(problem):
                return None
            raise

    def problems(self):
        found = {key: self.answered(lambda key=key: self.value_of(key)) for key in self.allowed}
        return [f"{key} is {found[key]}, and {' or '.join(str(value) for value in values)} was written"
                for key, values in self.allowed.items() if found[key] not in values]

    def end(self):
        for key in self.allowed:
            if self.answered(lambda key=key: self.value_of(key)) is not None:
                self.answered(lambda key=key: self.ask("store", "delete", NAMESPACE, key))
        self.allowed = {}
