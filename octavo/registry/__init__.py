"""The registry: results of processing, and the models that made them."""
