"""`python -m tools.reference`: write the reference pages."""

from tools import reference

for path in reference.write():
    print(f"wrote {path}")
