"""What is deployed. Importing this package makes the CDKTF bindings load lazily; see `stacks.bindings`."""

from stacks import bindings

bindings.load_lazily()
